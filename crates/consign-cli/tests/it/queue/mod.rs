//! Queued calls from the command line: a class is registered, its interfaces are imported, calls are
//! recorded, and played by this test program as the component's server.

mod calls;
mod components;
mod idl;
mod messages;
mod server;
mod watch;

use std::{fs, path::PathBuf, time::Instant};

use serde_json::{Value, json};

use crate::setup::{Ended, LIMIT, Running, Setup};

const CLASS: &str = "0f5d7f0a-6d0e-4c7e-9a35-0a8d3e5f7c22";

/// What the component has, as an IDL file.
const IDL: &str = r#"
import "oaidl.idl";
#include <mtxattr.h>

typedef enum Speed { SLOW = 1, FAST = 2 } Speed;

typedef struct Address { BSTR city; long zip; } Address;

[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b201), dual, QUEUEABLE]
interface IShipment : IDispatch {
    [id(1)] HRESULT ShipOrder([in] unsigned long orderNumber);
};

[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b202), dual, QUEUEABLE]
interface IDelivery : IDispatch {
    [id(1)] HRESULT Deliver([in] BSTR address, [in] Speed speed, [in] CURRENCY price, [in] DATE when);
    [id(2)] HRESULT Note([in] VARIANT what, [in] VARIANT_BOOL loud);
    [id(3)] HRESULT Move([in] Address to);
};

[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b203), dual]
interface IQuiet : IDispatch {
    [id(1)] HRESULT Hush([in] short times);
};

[object, uuid(97184d0f-f7ef-413a-8c6d-c1745018b204)]
interface IStatus : IUnknown {
    HRESULT GetStatus([in] long order, [out, retval] long *status);
};
"#;

/// A service with a component whose queue, `Orders`, is paused.
struct Bench {
    setup: Setup,
}

impl Bench {
    fn new() -> Self {
        let bench = Self::registered();
        bench.ok(&["component", "import", "orders.idl", "--class", CLASS]);
        bench.ok(&["queue", "set", "Orders", "attempts=1", "retry=none"]);
        bench.ok(&["queue", "pause", "Orders"]);
        bench
    }

    /// With the class and the IDL file, and nothing imported.
    fn registered() -> Self {
        let bench = Self { setup: Setup::new() };
        let program = std::env::current_exe().unwrap();
        let class = format!(
            "clsid = '{CLASS}'\nprogid = 'Test.Orders'\nname = 'Orders of a test'\napplication = 'Orders'\nidle_stop = 0\n\
             exec = ['/usr/bin/env', 'TEST_FOLDER={}', '{}', '--exact', 'queue::server::plays_its_role', '--nocapture']\n",
            bench.setup.out().display(),
            program.display()
        );
        fs::write(bench.setup.out().join("class.toml"), class).unwrap();
        fs::write(bench.setup.out().join("orders.idl"), IDL).unwrap();
        bench.ok(&["class", "register", "class.toml"]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.setup.out().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(&mut self.setup.command(arguments)).end()
    }

    /// With this on stdin.
    fn fed(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let path = self.path("input");
        fs::write(&path, input).unwrap();
        Running::start(self.setup.command(arguments).stdin(fs::File::open(path).unwrap())).end()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// A command that is refused: its exit status, and its error as JSON.
    fn refused(&self, arguments: &[&str]) -> (i32, Value) {
        let ended = self.run(&[arguments, &["--json"]].concat());
        let last = ended.stderr.lines().last().unwrap_or_default().to_owned();
        let error = serde_json::from_str(&last).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {ended:?}"));
        (ended.code.unwrap(), error)
    }

    /// What `--json` would say, with the symbol alone.
    fn symbol(&self, arguments: &[&str]) -> String {
        let (code, error) = self.refused(arguments);
        assert_eq!(code, 1, "{arguments:?}: {error}");
        error["symbol"].as_str().unwrap().to_owned()
    }

    fn call(&self, arguments: &[&str]) -> String {
        self.ok(&[&["call", CLASS], arguments].concat()).trim_end().to_owned()
    }

    /// Reads a queue until it is as wanted.
    fn until(&self, queue: &str, enough: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let shown = self.json(&["queue", "show", queue]);
            if enough(&shown) {
                return shown;
            }
            assert!(began.elapsed() < LIMIT, "still {shown}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What the component has written.
    fn book(&self) -> Vec<String> {
        fs::read_to_string(self.path("book")).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// With one space where there are several: columns depend on what else is shown.
fn squeezed(text: &str) -> String {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

/// The keys of an object, in their order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn empty() -> Value {
    json!([])
}
