//! Payments that count once: `exactly_once ACCOUNT_DB CENTS...` records a payment each, and ends. The service
//! then starts this program again as the component, which adds them up in ACCOUNT_DB. The component is killed
//! after it has committed its first payment and before it could say so: the message is played again, and its
//! inbox knows it.

mod account;

use std::{env, path::Path};

use account::{Account, CLASS, IAccount};
use consign::{Client, Component, Error, Interface, Result, Server, common::E_FAIL};

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args_os().skip(1);
    let database = std::path::absolute(arguments.next().ok_or("usage: exactly_once ACCOUNT_DB CENTS...")?)?;
    if env::var_os("CONSIGN_ACTIVATION_TOKEN").is_some() {
        let component = Component::new(move |playback| Ok(Account { database: database.clone(), playback })).interface::<IAccount>();
        let class = CLASS.parse().map_err(|_| Error::failed(E_FAIL, "the CLSID of the example is none"))?;
        return Ok(Server::new().component(class, component).run().await?);
    }
    let client = install(&database).await?;
    for cents in arguments {
        let recorder = client.recorder("Contoso.Account")?;
        recorder.interface::<IAccount>().pay(cents.to_string_lossy().parse()?)?;
        recorder.commit().await?;
    }
    Ok(())
}

async fn install(database: &Path) -> Result<Client> {
    let program = env::current_exe().map_err(|error| Error::failed(E_FAIL, error.to_string()))?;
    let client = Client::connect().await?;
    let class_file = format!(
        "clsid = \"{CLASS}\"\nprogid = \"Contoso.Account\"\nname = \"Inbox example\"\napplication = \"Accounts\"\n\
         exec = [{program:?}, {database:?}]\n"
    );
    client.register_class(&class_file).await?;
    client.import_component(CLASS, &[IAccount::model()]).await?;
    Ok(client)
}
