//! Every method makes the call of its name, with its arguments. `blocking_surface` sees that none is missing.

use std::time::Duration;

use boxd::blocking::Compute;
use boxd::mock::MockTransport;
use boxd::transport::Code;
use boxd::wire::{self, methods};
use boxd::{BoxConfig, Result};

/// A mock without answers: every call is recorded, and fails.
struct Calls {
    mock: MockTransport,
    seen: usize,
}

impl Calls {
    /// Checks what an outcome came from: one call, or several of which it was the first.
    #[track_caller]
    fn check<T: std::fmt::Debug>(&mut self, rpc: &str, shown: &[&str], outcome: Result<T>) {
        let error = outcome.expect_err("nothing is answered");
        assert_eq!(error.grpc_code(), Some(Code::Unimplemented), "{error}");
        let calls = self.mock.calls();
        let call = &calls[self.seen];
        assert_eq!(call.name(), rpc);
        for shown in shown {
            assert!(call.to_string().contains(shown), "{shown} is not in {call}");
        }
        self.seen = calls.len();
    }
}

#[test]
fn each_method_makes_the_call_of_its_name() {
    let mock = MockTransport::new();
    let compute = Compute::builder().token("test").transport(mock.clone()).build().unwrap();
    let mut calls = Calls { mock, seen: 0 };

    calls.check("Whoami", &[], compute.whoami());
    calls.check("GetConfig", &[], compute.config());
    let request = wire::ListOrgsRequest::default();
    calls.check("ListOrgs", &[], compute.call(methods::LIST_ORGS, &request));

    let boxes = compute.boxes();
    let size = || BoxConfig::new().vcpu(3);
    calls.check(
        "CreateVm",
        &["\"web\"", "img", "vcpu: 3"],
        boxes.create("web").image("img").config(size()).call(),
    );
    calls.check("ListVms", &[], boxes.list());
    calls.check("GetVm", &["\"web\""], boxes.get("web"));
    let b = boxes.attach("vm-1", "web");
    calls.check(
        "ForkVm",
        &["\"vm-1\"", "\"f1\"", "vcpu: 3"],
        boxes.fork(&b).name("f1").config(size()).call(),
    );

    let id = &["\"vm-1\""];
    calls.check("StartVm", id, b.start());
    calls.check("StopVm", id, b.stop());
    calls.check("RebootVm", id, b.reboot());
    calls.check("SuspendVm", id, b.suspend());
    calls.check("ResumeVm", id, b.resume());
    calls.check("HibernateVm", id, b.hibernate());
    calls.check("WakeVm", id, b.wake());
    calls.check("RenameVm", &["\"vm-1\"", "\"new\""], b.rename("new"));
    calls.check("SetAutoSuspendTimeout", &["60"], b.set_auto_suspend_timeout(Duration::from_secs(60)));
    calls.check("DestroyVm", id, b.destroy());
    calls.check("GetVm", id, b.refresh());
    calls.check("GetVm", id, b.wait_until_ready().timeout(Duration::from_secs(5)).call());

    let exec = b.exec(["ls"]).env("K", "v").current_dir("/srv").timeout(Duration::from_secs(5));
    calls.check("Exec", &["K=", "/srv", "ls", "data: b\"in\""], exec.stdin("in").output_limit(10).call());
    calls.check(
        "Exec",
        &["a | b", "K=", "/srv"],
        b.exec_shell("a | b").envs([("K", "v")]).current_dir("/srv").call(),
    );
    calls.check("Exec", &["tty: true", "cols: 80"], b.exec(["sh"]).tty(80, 24).call());
    calls.check("UploadFileStream", &["\"/a\""], b.write_file("x", "/a").progress(drop).call());
    calls.check("DownloadFileStream", &["\"/a\""], b.read_file("/a").progress(drop).call());
    calls.check("DownloadFile", &["\"/a\""], b.read_file("/a").stream().next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    calls.check("DownloadFile", &["\"/a\""], b.read_file("/a").to_path(folder.path().join("a")));
    calls.check("ListDir", &["\"/a\""], b.list_dir("/a"));
    calls.check("Mkdir", &["\"/a\""], b.create_dir("/a"));
    calls.check("RenamePath", &["old_path: \"/a\"", "new_path: \"/b\""], b.rename_path("/a", "/b"));
    calls.check("CopyPath", &["old_path: \"/a\"", "new_path: \"/b\""], b.copy_path("/a", "/b"));
    calls.check("DeletePath", &["\"/a\""], b.remove_path("/a"));
    calls.check("StreamLogs", &["follow: true"], b.stream_logs().follow(true).next().unwrap());

    calls.check("ListProxies", &["\"web\""], b.proxies());
    calls.check("CreateProxy", &["\"api\"", "3001"], b.create_proxy("api", 3001));
    calls.check("SetProxyPort", &["\"api\"", "3002"], b.set_proxy_port(3002).name("api").call());
    calls.check("DeleteProxy", &["\"api\""], b.delete_proxy("api"));
    calls.check("ExposePort", &["53", "udp"], b.expose_port(53).protocol("udp").call());
    calls.check("UnexposePort", &["53"], b.unexpose_port(53));
    calls.check("ListExposedPorts", id, b.ports());

    let templates = compute.templates();
    calls.check(
        "CreateTemplate",
        &["\"t1\"", "img", "vcpu: 3"],
        templates.create("t1").image("img").config(size()).call(),
    );
    calls.check("ListTemplates", &[], templates.list());
    calls.check("DeleteTemplate", &["\"tpl-1\""], templates.delete("tpl-1"));
    let made = templates.create_vm("tpl-1", "from-t").config(size()).call();
    calls.check("CreateVmFromTemplate", &["\"tpl-1\"", "\"from-t\"", "vcpu: 3"], made);

    let domains = compute.domains();
    calls.check("BindDomain", &["\"a.example\"", "\"vm-1\""], domains.bind("a.example", &b));
    calls.check("ListDomains", &[], domains.list());
    calls.check("UnbindDomain", &["\"a.example\""], domains.unbind("a.example"));

    calls.check("CreateNetwork", &["\"staging\""], compute.networks().create().name("staging").call());
    calls.check("ListNetworks", &[], compute.networks().list());

    let hour = Duration::from_secs(3600);
    calls.check("CreateToken", &["3600"], compute.tokens().create().expires_in(hour).call());
    calls.check("ListTokens", &[], compute.tokens().list());
    calls.check("RevokeToken", &["\"jti-1\""], compute.tokens().revoke("jti-1"));
    let key = compute.api_keys().create("ci").expires_in(hour).org("acme").kind("robot");
    calls.check("CreateApiKey", &["\"ci\"", "3600", "acme", "robot"], key.call());
    calls.check("ListApiKeys", &[], compute.api_keys().list());
    calls.check("DeleteApiKey", &["\"key-1\""], compute.api_keys().delete("key-1"));

    calls.check("CreateDisk", &["\"data\"", "1073741824"], compute.disks().create("data", "1G"));
    calls.check("ListDisks", &[], compute.disks().list());
    calls.check("ListDisks", &[], compute.disks().get("data"));
    let made = wire::CreateDiskResponse {
        disk_id: "disk-1".to_owned(),
        name: "data".to_owned(),
        ..Default::default()
    };
    calls.mock.on(methods::CREATE_DISK).reply(made);
    let disk = compute.disks().create("data", "1G").unwrap();
    calls.seen += 1;
    calls.check(
        "AttachDisk",
        &["\"disk-1\"", "\"vm-1\"", "/mnt", "read_only: true"],
        disk.attach(&b, "/mnt").read_only(true).call(),
    );
    calls.check("DetachDisk", &["\"disk-1\"", "\"vm-1\""], disk.detach(&b));
    calls.check("ListDisks", &[], disk.refresh());
    calls.check("DestroyDisk", &["\"disk-1\""], disk.destroy());
}
