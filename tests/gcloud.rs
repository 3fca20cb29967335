//! Google's own gcloud, unmodified, against an engine of its own: each command by what it did there.
//! The instances have an empty disk: none of this needs an operating system.

mod platform;

use platform::Platform;

/// gcloud on an engine of its own.
struct Cloud {
    platform: Platform,
    commands: usize,
}

impl Cloud {
    fn run(&mut self, arguments: &str) -> (bool, String) {
        self.commands += 1;
        let mut gcloud = self.platform.command("gcloud");
        let output = gcloud.args(arguments.split_whitespace()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    }

    /// Runs a command of `gcloud compute`.
    fn does(&mut self, arguments: &str) {
        let (success, output) = self.run(&format!("compute {arguments}"));
        assert!(success, "{arguments}: {output}");
    }

    /// What a command of `gcloud compute` prints must hold `expected`.
    fn says(&mut self, arguments: &str, expected: &str) {
        let (success, output) = self.run(&format!("compute {arguments}"));
        assert!(
            success && output.contains(expected),
            "{arguments}: {output}"
        );
    }

    /// A command of `gcloud compute` must fail with `expected` in its words.
    fn refuses(&mut self, arguments: &str, expected: &str) {
        let (success, output) = self.run(&format!("compute {arguments}"));
        assert!(
            !success && output.contains(expected),
            "{arguments}: {output}"
        );
    }

    /// An archive of a disk of 1 GiB from which nothing boots, in the engine's Cloud Storage.
    fn upload_archive(&mut self) {
        let _ = self.platform.world.archive("blank");
        for command in [
            "storage buckets create gs://images",
            "storage cp blank/disk.tar.gz gs://images/blank.tar.gz",
        ] {
            let (success, output) = self.run(command);
            assert!(success, "{command}: {output}");
        }
    }
}

#[test]
#[ignore = "needs gcloud; `make google`"]
fn gcloud_finds_all_that_it_asks_for() {
    let mut cloud = Cloud {
        platform: Platform::start("gcloud"),
        commands: 0,
    };
    cloud.upload_archive();
    images(&mut cloud);
    instances(&mut cloud);
    disks(&mut cloud);
    groups(&mut cloud);
    places(&mut cloud);
    leave_nothing(&mut cloud);
    eprintln!("{} gcloud commands", cloud.commands);
    assert!(cloud.commands > 60);
}

fn images(cloud: &mut Cloud) {
    cloud.does("images create one --source-uri=gs://images/blank.tar.gz --family=f --labels=a=b --storage-location=us-central1");
    cloud.says("images list --filter=family=f --format=value(name)", "one");
    cloud.says(
        "images describe-from-family f --format=value(status,storageLocations[0])",
        "READY\tus-central1",
    );
    cloud.does("images update one --update-labels=c=d --description=words");
    cloud.says(
        "images describe one --format=value(labels.c,description)",
        "d\twords",
    );
    cloud.does("images create two --source-image=one");
    cloud.does("images deprecate two --state=DEPRECATED --replacement=one");
    cloud.says(
        "images list --show-deprecated --no-standard-images --format=value(name,deprecated.state)",
        "two\tDEPRECATED",
    );
    cloud.does("images delete two");
    cloud.refuses("images describe two", "was not found");
}

fn instances(cloud: &mut Cloud) {
    cloud.does("instances create vm --image=one --machine-type=e2-micro --max-run-duration=1h --instance-termination-action=DELETE --tags=a --metadata=enable-guest-attributes=TRUE");
    cloud.says(
        "instances list --filter=status=RUNNING --format=value(name)",
        "vm",
    );
    cloud.says("instances describe vm --format=value(scheduling.maxRunDuration.seconds,scheduling.instanceTerminationAction)", "3600\tDELETE");
    cloud.does("instances add-tags vm --tags=b");
    cloud.does("instances add-metadata vm --metadata=k=v");
    cloud.does("instances add-labels vm --labels=l=m");
    cloud.says(
        "instances describe vm --format=value(tags.items[1],metadata.items[1].key,labels.l)",
        "b\tk\tm",
    );
    cloud.does("instances get-serial-port-output vm");
    cloud.refuses("instances get-guest-attributes vm", "was not found");
    cloud.does("instances reset vm");
    cloud.refuses("instances suspend vm", "stop it instead");
    cloud.refuses(
        "instances set-machine-type vm --machine-type=e2-small",
        "stopped",
    );
    cloud.does("instances stop vm");
    cloud.does("instances set-machine-type vm --machine-type=e2-small");
    cloud
        .does("instances set-service-account vm --service-account=default --scopes=cloud-platform");
    cloud.does("instances set-scheduling vm --no-restart-on-failure");
    cloud.does("instances update vm --shielded-integrity-monitoring");
    cloud.says("instances describe vm --format=value(status,machineType.basename(),scheduling.automaticRestart,shieldedInstanceConfig.enableIntegrityMonitoring)", "TERMINATED\te2-small\tFalse\tTrue");
    cloud.does("instances start vm");
    cloud.says(
        "operations list --filter=operationType=start --format=value(targetLink)",
        "/instances/vm",
    );
}

fn disks(cloud: &mut Cloud) {
    cloud.does("disks create state --size=1GB --labels=x=y");
    cloud.does("disks resize state --size=2GB");
    cloud.does("disks update state --update-labels=u=v");
    cloud.says(
        "disks describe state --format=value(sizeGb,labels.u)",
        "2\tv",
    );
    cloud.does("disks snapshot vm --snapshot-names=live");
    cloud.does("snapshots create cold --source-disk=state --source-disk-zone=us-central1-a --storage-location=us-central1");
    cloud.does("snapshots add-labels cold --labels=p=q");
    cloud.says(
        "snapshots list --format=value(name,status,labels.p)",
        "cold\tREADY\tq",
    );
    cloud.says(
        "snapshots describe live --format=value(diskSizeGb,sourceDisk.basename())",
        "1\tvm",
    );
    cloud.does("disks create again --source-snapshot=cold");
    cloud.does("resource-policies create snapshot-schedule daily --region=us-central1 --max-retention-days=7 --daily-schedule --start-time=04:00 --on-source-disk-delete=keep-auto-snapshots");
    cloud.says("resource-policies list --format=value(name)", "daily");
    cloud.does("disks add-resource-policies state --resource-policies=daily");
    cloud.refuses(
        "resource-policies delete daily --region=us-central1",
        "already being used",
    );
    cloud.does("disks remove-resource-policies state --resource-policies=daily");
    cloud.does("resource-policies delete daily --region=us-central1");
    cloud.does("instances stop vm");
    cloud.does("instances attach-disk vm --disk=state --device-name=state");
    cloud.refuses("disks delete state", "already being used");
    cloud.does("instances set-disk-auto-delete vm --disk=state --auto-delete");
    cloud.does("instances detach-disk vm --disk=state");
}

fn groups(cloud: &mut Cloud) {
    cloud.does("instance-templates create t --image=one --machine-type=e2-micro");
    cloud.says("instance-templates list --format=value(name)", "t");
    cloud.says(
        "instance-templates describe t --format=value(properties.machineType)",
        "e2-micro",
    );
    cloud.does("instances create of-template --source-instance-template=t");
    cloud.does("instance-groups managed create g --size=1 --template=t --base-instance-name=g");
    cloud.does("instance-groups managed resize g --size=2");
    cloud.does("instance-groups managed wait-until g --stable --timeout=60");
    cloud.says(
        "instance-groups managed list --format=value(name,targetSize)",
        "g\t2",
    );
    cloud.says(
        "instance-groups managed list-instances g --format=value(instanceStatus)",
        "RUNNING\nRUNNING",
    );
    cloud.says("instance-groups list --format=value(name,size)", "g\t2");
    cloud.refuses("instance-templates delete t", "already being used");
    cloud.does("instance-groups managed delete g");
    cloud.does("instance-templates delete t");
}

fn places(cloud: &mut Cloud) {
    cloud.does("firewall-rules create fw --allow=tcp:22 --source-ranges=10.0.0.0/8");
    cloud.does("firewall-rules update fw --allow=tcp:23");
    cloud.says(
        "firewall-rules list --format=value(name,allowed[0].ports[0])",
        "fw\t23",
    );
    cloud.does("firewall-rules delete fw");
    cloud.says(
        "machine-types list --filter=name=e2-small --format=value(zone)",
        "us-central1-f",
    );
    cloud.says("zones list --format=value(name)", "us-central1-a");
    cloud.says("regions list --format=value(name)", "us-central1");
    cloud.says("networks list --format=value(name)", "default");
    cloud.says(
        "networks subnets list --format=value(region)",
        "us-central1",
    );
    cloud.says(
        "project-info describe --format=value(name)",
        "clawbake-local",
    );
}

fn leave_nothing(cloud: &mut Cloud) {
    cloud.does("instances delete vm of-template");
    cloud.does("disks delete state again");
    cloud.does("snapshots delete live cold");
    cloud.does("images delete one");
    for kind in ["instances", "disks", "snapshots", "instance-groups"] {
        let (success, output) = cloud.run(&format!(
            "compute {kind} list --format=value(name) --verbosity=error"
        ));
        assert!(success && output.trim().is_empty(), "{kind}: {output}");
    }
}
