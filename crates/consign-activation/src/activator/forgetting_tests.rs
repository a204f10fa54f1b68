//! What is held is bounded by the classes that are registered.

use std::{path::PathBuf, sync::Arc, time::Duration};

use consign_core::Guid;
use tokio::{runtime::Handle, time::timeout};

use super::*;
use crate::{Environment, ServerLink};

struct Nobody;

impl ServerLink for Nobody {
    fn request_shutdown(&self, _: Connection) {}
    fn close(&self, _: Connection) {}
}

fn class(number: u8) -> ClassFile {
    let id = Guid::from_bytes([number; 16]).try_into().unwrap();
    ClassFile::new(id, Host::Program(vec!["/bin/false".to_owned()]))
}

#[tokio::test]
async fn classes_that_come_and_go_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Arc::new(Registry::new(folder.path().join("classes"), []));
    let socket = PathBuf::from("/nowhere");
    let options = Options::new(registry, Arc::new(Nobody), socket, folder.path().join("run"), Environment::from_variables([]));
    let activator = Activator::new(options, Handle::current());
    for number in 1..20 {
        let class = class(number);
        activator.register(&class).unwrap();
        // Some of them never had a server, and some failed.
        if number % 2 == 0 {
            let limit = Duration::from_secs(60);
            timeout(limit, activator.activate(class.class)).await.unwrap().unwrap_err();
            assert_eq!(activator.desk.remembered(), (1, 1));
        }
        activator.unregister(class.class).unwrap();
        assert_eq!(activator.desk.remembered(), (0, 0));
    }
}
