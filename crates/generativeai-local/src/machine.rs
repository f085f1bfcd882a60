//! Memory and cores that this process may use.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// Names in the folder of a control group (cgroup): the file with its limit, the file with its use, and a member of
/// `memory.stat`. That member counts cached files, which are part of the use but are freed when memory is needed.
type Names = [&'static str; 3];

const VERSION_1: Names = [
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_cache",
];
const VERSION_2: Names = ["memory.max", "memory.current", "file"];

/// Returns the free memory in bytes, bounded by the limit of a container; `None` if it is unknown, as outside of Linux.
pub(crate) fn free_memory() -> Option<u64> {
    // In a container, `/proc/meminfo` is that of the host, and the limit of the container is only in the control group.
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let of_machine = member(&meminfo, "MemAvailable:")? * 1_024;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_groups = left_by_groups(Path::new("/sys/fs/cgroup"), &groups);
    Some(of_machine.min(of_groups.unwrap_or(u64::MAX)))
}

/// Returns the memory that the limits of the control groups of this process leave free; `None` without a limit.
///
/// `groups` has the form of `/proc/self/cgroup` ([`cgroups(7)`]): lines of `hierarchy:controllers:path`, where version
/// 2 has no controllers. A container often sees its own group as the root, but with the path on the host, which does
/// not exist in the container. The path is therefore followed up to the root.
///
/// [`cgroups(7)`]: https://man7.org/linux/man-pages/man7/cgroups.7.html
fn left_by_groups(root: &Path, groups: &str) -> Option<u64> {
    let left = groups.lines().filter_map(|line| {
        let mut columns = line.splitn(3, ':').skip(1);
        let (controllers, path) = (columns.next()?, columns.next()?);
        let (root, names) = match controllers {
            "" => (root.to_owned(), VERSION_2),
            _ if controllers.split(',').any(|one| one == "memory") => {
                (root.join("memory"), VERSION_1)
            }
            _ => return None,
        };
        // The limits of all groups around this one apply as well. `ancestors` ends with "", which is the root.
        let folders = Path::new(path.trim_start_matches('/')).ancestors();
        folders
            .filter_map(|folder| left_by_group(&root.join(folder), names))
            .min()
    });
    left.min()
}

/// Returns the memory that the limit of one group leaves free; `None` if the group does not exist or has no limit.
fn left_by_group(folder: &Path, [limit, used, cached]: Names) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    // Without a limit, version 2 has the word "max", which is not a number.
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let cached = member(&read("memory.stat").unwrap_or_default(), cached).unwrap_or_default();
    let used = number(used)?.saturating_sub(cached);
    Some(number(limit)?.saturating_sub(used))
}

/// Returns the number that follows a name at the beginning of a line.
fn member(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let number = words.next().filter(|word| *word == name).and(words.next());
        number?.parse().ok()
    })
}

/// Returns the number of compute threads: `wanted`, or else one for each physical core, but at most the number of
/// hardware threads.
///
/// Two threads on one core slow each other down, since they share its vector units. Threads beyond the hardware
/// threads take turns, and those of llama.cpp wait for each other in busy loops.
pub(crate) fn threads(wanted: Option<usize>) -> usize {
    // Unlike `/proc/cpuinfo`, this respects the CPU affinity of the process and the quota of a container.
    let at_once = std::thread::available_parallelism().map_or(1, |threads| threads.get());
    let wanted = wanted.unwrap_or_else(|| match physical_cores() {
        0 => at_once,
        cores => cores,
    });
    wanted.min(at_once)
}

/// Counts the physical cores; 0 if they are unknown, as on ARM, where `/proc/cpuinfo` does not have these members.
fn physical_cores() -> usize {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |block: &str, name: &str| {
        let line = block.lines().find(|line| line.starts_with(name))?;
        line.split_once(':')
            .map(|(_, value)| value.trim().to_owned())
    };
    let cores: HashSet<_> = cpuinfo
        .split("\n\n")
        .filter_map(|block| Some((value(block, "physical id")?, value(block, "core id")?)))
        .collect();
    cores.len()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Folder with files of control groups, removed at the end of a test.
    struct Groups(PathBuf);

    impl Groups {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            for (file, text) in files {
                let path = folder.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(folder)
        }
    }

    impl Drop for Groups {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Row 38 of tests/field.md: a container.
    #[test]
    fn the_limit_of_a_container_bounds_the_free_memory() {
        let groups = Groups::with(
            "the_limit_of_a_container",
            &[
                ("memory.max", "max\n"),
                ("memory.current", "9000\n"),
                ("user.slice/memory.max", "1000\n"),
                ("user.slice/memory.current", "700\n"),
                ("user.slice/memory.stat", "anon 300\nfile 400\n"),
                ("user.slice/app/memory.max", "5000\n"),
                ("user.slice/app/memory.current", "700\n"),
                ("full/memory.max", "10\n"),
                ("full/memory.current", "11\n"),
                ("memory/memory.limit_in_bytes", "2000\n"),
                ("memory/memory.usage_in_bytes", "1500\n"),
                ("memory/memory.stat", "cache 1\ntotal_cache 500\n"),
            ],
        );
        for (of_process, left) in [
            ("0::/\n", None),
            ("0::/user.slice/app\n", Some(700)),
            ("0::/full\n", Some(0)),
            ("0::/docker/not-mounted\n", None),
            (
                "5:cpu,cpuacct:/x\n4:memory:/docker/not-mounted\n0::/\n",
                Some(1_000),
            ),
            ("5:cpu:/x\n", None),
            ("", None),
        ] {
            assert_eq!(left_by_groups(&groups.0, of_process), left, "{of_process}");
        }
    }

    /// Row 36 of tests/field.md.
    #[test]
    fn there_are_never_more_threads_than_the_processor_runs() {
        let at_once = std::thread::available_parallelism().unwrap().get();

        assert_eq!(threads(Some(100_000)), at_once);
        assert_eq!(threads(Some(1)), 1);
        assert!((1..=at_once).contains(&threads(None)));
    }
}
