//! A machine that has no network, and then has one.

use std::net::Ipv4Addr;

use consign_bits::{JobState, bits};
use consign_testkit::{Body, Resource, Server, server};
use consign_transfer::{AutoComplete, Change, NewFile};

use crate::{
    bench::check,
    namespace::{Own, inside, shell},
};

const UP: &str = "ip link add consign0 type veth peer name consign1 && ip address add 10.98.76.1/24 dev consign0 \
                  && ip link set consign1 up && ip link set consign0 up";

#[test]
fn a_job_waits_for_a_network_and_goes_on_by_itself() {
    if !inside("network::a_job_waits_for_a_network_and_goes_on_by_itself", Own::Network, UP) {
        return;
    }
    shell("ip link set lo up");
    // It listens before there is a way to it, so that the first try after that succeeds: another one would
    // come only after the retry delay, ten minutes, for which no test waits.
    let server = Server::start_with(server::Options { address: Ipv4Addr::UNSPECIFIED.into(), ..server::Options::default() }).unwrap();
    check(async |bench| {
        let body = Body::pattern(1, 300_000);
        server.set("/a", Resource::new(body.clone()));
        let job = bench.job("a", vec![Change::MinimumRetryDelay(600), Change::AutoComplete(AutoComplete::On)]).await;
        let file = NewFile { remote_name: server.url_on("10.98.76.1", "/a"), local_name: bench.path("a"), ..NewFile::default() };
        bench.engine.add_files(job, vec![file]).await.unwrap();
        bench.engine.resume(job).await.unwrap();

        let waiting = bench.wait(job, JobState::TransientError).await;
        assert_eq!(waiting.error.unwrap().failure.code, bits::BG_E_NETWORK_DISCONNECTED);
        assert_eq!(waiting.error_count, 0, "nobody is to blame for it");
        assert!(waiting.waiting_because.is_some());
        assert!(server.requests().is_empty());

        shell(UP);
        let done = bench.wait(job, JobState::Acknowledged).await;
        assert_eq!(done.error_count, 0);
        bench.assert_whole("a", &body);
    });
}
