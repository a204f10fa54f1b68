//! What of a file can be queued, told at the place where it stands. The rule itself is the model's.

use consign_core::interface::{Obstacle, Warning};

use crate::{Code, Described, Diagnostic, Document, Form, Origin, Place, Severity};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whether Consign can queue it.
    Consign,
    /// That, and whether COM+ could.
    ComPlus,
}

impl Document {
    /// For each `QUEUEABLE` interface of the file itself that cannot be queued an error for each reason, at
    /// the parameter, the method or the interface; for another interface that cannot be queued, a note.
    pub fn check(&self, wanted: Wanted) -> Vec<Diagnostic> {
        let own = self.interfaces.iter().filter(|described| described.origin == Origin::Own);
        own.flat_map(|described| {
            let mut found = described.queueability();
            if wanted == Wanted::ComPlus {
                found.extend(described.interface.com_warnings().iter().map(|warning| described.beyond_com_plus(warning)));
            }
            found
        })
        .collect()
    }
}

impl Described {
    /// Why calls on it cannot be queued: errors if it is `QUEUEABLE`, else one note.
    pub fn queueability(&self) -> Vec<Diagnostic> {
        let obstacles = self.interface.obstacles();
        if self.interface.attributes.queueable {
            return obstacles.iter().map(|obstacle| self.obstacle(obstacle)).collect();
        }
        // A bracket around types is no interface that anyone would queue.
        let is_bracket = self.form == Form::Plain && self.interface.methods.is_empty();
        let Some(first) = obstacles.first().filter(|_| !is_bracket) else { return Vec::new() };
        let name = &self.interface.name;
        let more = match obstacles.len() - 1 {
            0 => String::new(),
            1 => ", and for one more reason".to_owned(),
            more => format!(", and for {more} more reasons"),
        };
        let message = format!("`{name}` cannot be queued: {}{more}", self.cause(first));
        vec![Diagnostic {
            severity: Severity::Note,
            code: Code::NotQueueable,
            message,
            label: String::new(),
            help: None,
            place: self.places.as_ref().map(|places| places.name.clone()),
        }]
    }

    fn obstacle(&self, obstacle: &Obstacle) -> Diagnostic {
        let name = &self.interface.name;
        let message = match obstacle.method {
            None => format!("`{name}` is QUEUEABLE, and cannot be queued"),
            Some(_) => format!("`{name}` is QUEUEABLE, and cannot be queued because of {}", self.what(obstacle.method, obstacle.parameter)),
        };
        Diagnostic {
            severity: Severity::Error,
            code: Code::NotQueueable,
            message,
            label: obstacle.reason.to_string(),
            help: Some(obstacle.reason.advice().to_owned()),
            place: self.place(obstacle.method, obstacle.parameter, matches!(obstacle.reason, consign_core::interface::Reason::Returns(_))),
        }
    }

    fn beyond_com_plus(&self, warning: &Warning) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            code: Code::ComPlus,
            message: format!(
                "COM+ would not queue `{}` because of {}",
                self.interface.name,
                self.what(Some(warning.method), Some(warning.parameter))
            ),
            label: warning.sentence.clone(),
            help: Some(
                "Consign queues it; for COM+ use types of OLE Automation: BSTR, SAFEARRAY(type), a structure with a uuid".to_owned(),
            ),
            place: self.place(Some(warning.method), Some(warning.parameter), false),
        }
    }

    /// `pTotal` of `Total`: it is [out]…
    fn cause(&self, obstacle: &Obstacle) -> String {
        match obstacle.method {
            None => obstacle.reason.to_string(),
            Some(_) => format!("{}: {}", self.what(obstacle.method, obstacle.parameter), obstacle.reason),
        }
    }

    fn what(&self, method: Option<usize>, parameter: Option<usize>) -> String {
        let Some(method) = method.and_then(|method| self.interface.methods.get(method)) else {
            return format!("`{}`", self.interface.name);
        };
        match parameter.and_then(|place| Some((place, method.parameters.get(place)?))) {
            None => format!("`{}`", method.name),
            Some((place, parameter)) if parameter.name.is_empty() => format!("parameter {} of `{}`", place + 1, method.name),
            Some((_, parameter)) => format!("`{}` of `{}`", parameter.name, method.name),
        }
    }

    fn place(&self, method: Option<usize>, parameter: Option<usize>, returned: bool) -> Option<Place> {
        let places = self.places.as_ref()?;
        let Some(method) = method.and_then(|method| places.methods.get(method)) else { return Some(places.name.clone()) };
        let parameter = parameter.and_then(|parameter| method.parameters.get(parameter));
        Some(match parameter {
            Some(parameter) => parameter.place.clone(),
            None if returned => method.returns.clone(),
            None => method.name.clone(),
        })
    }
}
