//! Queued calls: components, calls, queues, outboxes, IDL files.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use consign::Standing;

use crate::{parse, settings};

/// A component is a class, named by its CLSID or its ProgID.
#[derive(Subcommand)]
pub(crate) enum Component {
    /// Import interfaces, so that calls on them can be queued.
    ///
    /// Calls on an interface that is QUEUEABLE are queued from then on; the others are known, and switched on by
    /// `consign component set CLASS queued.INTERFACE=on`. An interface that cannot be queued is imported all the
    /// same, and says why.
    Import(Import),
    /// List the components.
    List,
    /// Show a component: its queue, its interfaces and methods, and what cannot be queued.
    Show {
        /// Which class.
        class: String,
    },
    /// Set properties of a component.
    #[command(after_help = settings::COMPONENT_KEYS)]
    Set {
        /// Which class.
        class: String,
        /// What to set.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = settings::component)]
        settings: Vec<settings::ComponentSetting>,
    },
}

#[derive(Args)]
pub(crate) struct Import {
    /// The interfaces: an IDL file, or, as .json, models as `consign component show --json` prints them.
    ///
    /// Of an IDL file those of its coclass, or, where it has none, its own `object` interfaces.
    pub(crate) file: PathBuf,
    /// The class that has them.
    #[arg(long)]
    pub(crate) class: String,
    /// The queue of its messages [default: that of its application].
    #[arg(long, value_name = "NAME")]
    pub(crate) queue: Option<String>,
    /// Only this interface, by its name or its IID. May be repeated.
    #[arg(long = "interface", value_name = "NAME")]
    pub(crate) interfaces: Vec<String>,
    /// A folder in which included and imported IDL files are looked for. May be repeated.
    #[arg(short = 'I', value_name = "DIR")]
    pub(crate) include: Vec<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Idl {
    /// Say what is wrong in IDL files, and what cannot be queued.
    ///
    /// Fails on an error in a file, and on a QUEUEABLE interface that cannot be queued, with every reason. Another
    /// interface that cannot be queued is a note.
    Check(Check),
}

#[derive(Args)]
pub(crate) struct Check {
    /// The files.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Warn of what Consign queues and COM+ would not.
    #[arg(long)]
    pub(crate) com: bool,
    /// A folder in which included and imported files are looked for. May be repeated.
    #[arg(short = 'I', value_name = "DIR")]
    pub(crate) include: Vec<PathBuf>,
}

pub(super) const CALL: &str = "\
Arguments are written as the interface has them: 42, 0x2a, true, 12.50, 2026-11-21T12:04:31, a GUID, the name of an enum's value, text. \
Structures, arrays, optional values and VARIANTs are JSON. An argument that begins with - stands after --.

Examples:
  consign call Contoso.Shipment ShipOrder 42
  consign call Contoso.Shipment SetAddress '{\"city\": \"Oslo\", \"zip\": \"0150\"}' --label 'order 42' --expire 1h
  printf '%s\\n' 'ShipOrder 42' '[\"Note\", \"two words\"]' | consign call Contoso.Shipment --stdin";

#[derive(Args)]
pub(crate) struct Call {
    /// The component, by its CLSID or its ProgID.
    pub(crate) class: String,
    /// The method; INTERFACE.METHOD where several interfaces have it.
    #[arg(required_unless_present = "stdin")]
    pub(crate) method: Option<String>,
    /// Its arguments.
    #[arg(value_name = "ARG", allow_negative_numbers = true)]
    pub(crate) arguments: Vec<String>,
    /// The interface, by its name or its IID.
    #[arg(long, value_name = "NAME")]
    pub(crate) interface: Option<String>,
    /// What people see in the queue.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) label: String,
    /// 0 to 7; higher is played first.
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u8).range(0..=7))]
    pub(crate) priority: u8,
    /// How long the message may wait for the component before it goes to the dead queue [default: for ever].
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub(crate) expire: Option<u32>,
    /// A number that the component gets to see.
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    pub(crate) app_specific: u32,
    /// Read calls from stdin, one in each line: METHOD ARG... with quotes as in a shell, or a JSON array.
    ///
    /// Each line is a message of its own; a line that is refused does not hold up the others. Empty lines and those
    /// that begin with # are skipped.
    #[arg(long, conflicts_with_all = ["method", "arguments"])]
    pub(crate) stdin: bool,
    /// All lines are one message: all of them are recorded, or none.
    #[arg(long)]
    pub(crate) one_message: bool,
}

/// A queue is named by its name, a message by its number or its id.
#[derive(Subcommand)]
pub(crate) enum Queue {
    /// List the queues.
    List,
    /// Show a queue: what stands in it, its policy, and why nothing is played.
    Show {
        /// Which queue.
        queue: String,
    },
    /// Show messages with their calls, or everything that is known of one message.
    Peek(Peek),
    /// Try messages again from the beginning, with all attempts ahead of them.
    Retry(Messages),
    /// Put messages at the end of another queue.
    Move {
        /// A message, or a queue for all its messages.
        #[arg(value_name = "QUEUE|MESSAGE")]
        what: String,
        /// The other queue, which is made if there is none.
        to: String,
        #[command(flatten)]
        standing: Standings,
    },
    /// Take messages away for ever.
    Drop {
        #[command(flatten)]
        messages: Messages,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Play nothing more of queues; what is recorded waits.
    Pause(Queues),
    /// Play paused queues again.
    Resume(Queues),
    /// Set the policy of a queue, which is made if there is none.
    #[command(after_help = settings::QUEUE_KEYS)]
    Set {
        /// Which queue.
        queue: String,
        /// What to set.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = settings::queue)]
        settings: Vec<settings::QueueSetting>,
    },
    /// Take empty queues away.
    Remove(Queues),
    /// Print what happens to messages as it happens, until it is interrupted.
    ///
    /// Events have the names of IComQCEvents.
    Watch {
        /// Which queue; all of them by default.
        queue: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Peek {
    /// A queue, or a message.
    #[arg(value_name = "QUEUE|MESSAGE")]
    pub(crate) what: String,
    /// A message of the queue, of which everything is shown.
    pub(crate) message: Option<String>,
    #[command(flatten)]
    pub(crate) standing: Standings,
    /// At most so many messages.
    #[arg(long, short = 'n', value_name = "N", default_value = "50")]
    pub(crate) count: usize,
    /// Long values whole.
    #[arg(long)]
    pub(crate) full: bool,
}

#[derive(Args)]
pub(crate) struct Messages {
    /// A message, or a queue for all its messages.
    #[arg(value_name = "QUEUE|MESSAGE")]
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) standing: Standings,
}

/// Which messages of a queue; all of them where nothing is said.
#[derive(Args)]
pub(crate) struct Standings {
    /// Messages that are played as soon as there is a player.
    #[arg(long)]
    ready: bool,
    /// Messages that wait for a time.
    #[arg(long)]
    waiting: bool,
    /// Messages that no component understands.
    #[arg(long)]
    parked: bool,
    /// Messages in the dead queue.
    #[arg(long)]
    dead: bool,
}

impl Standings {
    /// Those that were named.
    pub(crate) fn named(&self) -> Vec<Standing> {
        let all = [
            (self.ready, Standing::Ready),
            (self.waiting, Standing::Waiting),
            (self.parked, Standing::Parked),
            (self.dead, Standing::Dead),
        ];
        all.into_iter().filter(|(named, _)| *named).map(|(_, standing)| standing).collect()
    }

    /// Those that were named, or all.
    pub(crate) fn wanted(&self) -> Vec<Standing> {
        Some(self.named()).filter(|named| !named.is_empty()).unwrap_or_else(|| Standing::ALL.to_vec())
    }
}

#[derive(Args)]
pub(crate) struct Queues {
    /// Which queues.
    #[arg(required = true, value_name = "QUEUE")]
    pub(crate) queues: Vec<String>,
}

#[derive(Subcommand)]
pub(crate) enum Outbox {
    /// Carry from databases, from now on.
    ///
    /// The database has an outbox already: the application makes it when it first opens it.
    Add(Databases),
    /// List the outboxes, and what keeps them from being emptied.
    List,
    /// Carry from databases no more. What waits in them stays there.
    Remove(Databases),
}

#[derive(Args)]
pub(crate) struct Databases {
    /// Which databases.
    #[arg(required = true, value_name = "DB")]
    pub(crate) databases: Vec<PathBuf>,
}
