//! A fetch from a server: one request, and what is done with its answer.

use consign_bits::{ErrorContext, RangeSupport, ShownUrl, bits};
use http::Method;
use url::Url;

use super::{
    client::{Answered, Reader},
    download::{Download, Next},
    head::{Again, Asked, Decision},
    pool::After,
    task::FileFacts,
    trouble::Trouble,
};

impl Download<'_> {
    /// Makes the next request, and takes its answer to the end.
    pub(super) async fn request(&mut self, url: &Url) -> Result<Next, Trouble> {
        let asked = match self.next()? {
            Next::Nothing => {
                self.learn(self.facts.clone())?;
                return Ok(Next::Nothing);
            }
            Next::From(0) => Asked::Whole,
            Next::From(from) => Asked::Rest { from },
            Next::Part(part) => Asked::Part { from: part.from, end: part.end },
        };
        let answered = self.client.ask(url, self.context, &Method::GET, asked, &self.facts).await?;
        let Answered { decision, body, final_url, modified, .. } = answered;
        let shown = ShownUrl(&self.task.url);
        match decision {
            Decision::Whole { facts, length } => {
                if self.position() > 0 {
                    self.start_again(if facts.ranges == RangeSupport::No { Again::NotContinued } else { Again::Changed })?;
                }
                self.modified = modified;
                self.learn(FileFacts { final_url, ..facts })?;
                self.receive(body, length).await?;
                // Without a length, the end of the body is the end of the file.
                self.facts.size = Some(self.position());
                Ok(Next::Nothing)
            }
            Decision::Part { facts, length } => {
                self.modified = modified.or(self.modified);
                self.learn(FileFacts { final_url, ..facts })?;
                self.receive(body, Some(length)).await?;
                // The part may have been shorter than what was asked for.
                self.next()
            }
            Decision::Complete => {
                self.facts.size = Some(self.position());
                self.learn(self.facts.clone())?;
                body.drain().await;
                Ok(Next::Nothing)
            }
            Decision::StartAgain(why) => {
                body.drain().await;
                self.start_again(why)?;
                self.next()
            }
            Decision::NoRanges => {
                let sentence = format!("the server does not give parts of files, and ranges of {shown} were asked for");
                Err(Trouble::fatal(bits::BG_E_INSUFFICIENT_RANGE_SUPPORT, ErrorContext::RemoteFile, sentence))
            }
            Decision::OutsideFile => Err(self.outside_file()),
            Decision::Lie(what) => Err(Trouble::lie(format!("{what} ({shown})"))),
            // Dealt with where redirects are followed.
            Decision::Redirect { .. } | Decision::Refused { .. } => {
                Err(Trouble::lie(format!("the server gave no usable answer ({shown})")))
            }
        }
    }

    /// Writes a body of `length` bytes, or of as many as come.
    async fn receive(&mut self, body: Reader, length: Option<u64>) -> Result<(), Trouble> {
        if let Some(sink) = &mut self.sink {
            sink.stage(length, self.stages);
        }
        let received = self.receive_all(body, length).await;
        let written = match &mut self.sink {
            Some(sink) => sink.unstage().await,
            None => Ok(()),
        };
        received.and(written)
    }

    async fn receive_all(&mut self, mut body: Reader, length: Option<u64>) -> Result<(), Trouble> {
        let mut left = length;
        while let Some(bytes) = body.next().await? {
            if let Some(left) = &mut left {
                *left = left.checked_sub(bytes.len() as u64).ok_or_else(|| self.excess())?;
            }
            self.take(&bytes).await?;
        }
        if left.is_some_and(|left| left > 0) {
            return Err(Trouble::cut(body.host()));
        }
        match body.finish().await {
            After::Fine => Ok(()),
            After::Excess => Err(self.excess()),
        }
    }

    fn excess(&self) -> Trouble {
        Trouble::lie(format!("the server sent more bytes than it announced ({})", ShownUrl(&self.task.url)))
    }
}
