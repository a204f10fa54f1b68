//! Prints what happens to all jobs of this user until the service ends.

use consign::{Client, ClientEvent, Interest, Listing};

#[tokio::main]
async fn main() -> consign::Result<()> {
    let client = Client::connect().await?;
    // Subscribed before the list is read, so that nothing falls between the two.
    let mut events = client.events(Interest::Everything).await?;
    for job in client.jobs(Listing::Live).await? {
        println!("{} {} {}", job.id, job.state, job.display_name);
    }
    while let Some(event) = events.next().await {
        match event? {
            ClientEvent::JobChanged(id) => {
                let snapshot = client.job(id).snapshot().await?;
                println!("{id} {} {} bytes", snapshot.state, snapshot.progress.bytes_transferred);
            }
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
