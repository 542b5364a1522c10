//! `cargo xtask dist`: one stripped binary, a Debian package with a systemd unit, and checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{guided, program, web, workspace};

const UNIT: &str = include_str!("../package/mailvane.service");
const POSTINST: &str = include_str!("../package/postinst");
const PRERM: &str = include_str!("../package/prerm");
const POSTRM: &str = include_str!("../package/postrm");

/// Builds everything below `target/dist-out`.
pub(crate) fn run() -> Result<ExitCode> {
    web::build()?;
    let binary = match guided::tool() {
        Some(tool) => guided::build_program(&tool, "dist", workspace::Build::Whole)?,
        None => workspace::build_program("dist", workspace::Build::Whole)?,
    };
    let out = workspace::target()?.join("dist-out");
    fs::create_dir_all(&out)?;
    let plain = out.join("mailvane");
    fs::copy(&binary, &plain).context("cannot copy the binary")?;
    fs::write(out.join("mailvane.service"), UNIT)?;
    let package = debian_package(&out, &plain)?;
    println!("{}: {:.1} MB", plain.display(), plain.metadata()?.len() as f64 / 1e6);
    println!("{}: {:.1} MB", package.display(), package.metadata()?.len() as f64 / 1e6);
    println!("install it with `sudo apt install {}`", package.display());
    Ok(ExitCode::SUCCESS)
}

/// A Debian package: an `ar` archive of a version, control files and the tree of files (deb(5)).
fn debian_package(out: &Path, binary: &Path) -> Result<PathBuf> {
    let work = out.join("deb");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let (control, data) = (work.join("control"), work.join("data"));
    place(&data.join("usr/bin/mailvane"), &fs::read(binary)?, 0o755)?;
    place(&data.join("usr/lib/systemd/system/mailvane.service"), UNIT.as_bytes(), 0o644)?;
    place(&data.join("usr/share/doc/mailvane/copyright"), copyright()?.as_bytes(), 0o644)?;
    place(&control.join("control"), control_file(binary)?.as_bytes(), 0o644)?;
    for (name, text) in [("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)] {
        place(&control.join(name), text.as_bytes(), 0o755)?;
    }
    let control_archive = archive(&work, "control")?;
    let data_archive = archive(&work, "data")?;
    let package = out.join(format!("mailvane_{}_{}.deb", env!("CARGO_PKG_VERSION"), architecture()));
    fs::write(&package, ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control_archive), ("data.tar.gz", &data_archive)]))?;
    Ok(package)
}

fn place(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().context("no folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

/// A compressed archive of a folder: the same files give the same bytes.
fn archive(work: &Path, folder: &str) -> Result<Vec<u8>> {
    if program::find("tar").is_none() {
        bail!("tar was not found: `sudo apt install tar`");
    }
    let path = work.join(format!("{folder}.tar.gz"));
    let mut command = Command::new("tar");
    command.args(["--create", "--gzip", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--mode=u=rwX,go=rX"]);
    program::run(command.arg("--directory").arg(work.join(folder)).arg("--file").arg(&path).arg("."))?;
    Ok(fs::read(&path)?)
}

/// A Unix archive: a mark, then for each member 60 bytes of head and its content, padded to an even length.
fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, content) in members {
        out.extend_from_slice(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, "100644", content.len()).as_bytes());
        out.extend_from_slice(content);
        if content.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn control_file(binary: &Path) -> Result<String> {
    let kilobytes = binary.metadata()?.len() / 1024 + 1;
    Ok(format!(
        "Package: mailvane\nVersion: {}\nArchitecture: {}\nMaintainer: Mailvane contributors <mailvane@localhost>\nInstalled-Size: {kilobytes}\n\
         Depends: libc6, adduser\nSection: mail\nPriority: optional\nDescription: what happened to the mail of this server, why, and what to do\n \
         Mailvane reads the mail log, turns lines into messages and delivery\n attempts, says what each refusal means, and shows it on a dashboard.\n",
        env!("CARGO_PKG_VERSION"),
        architecture()
    ))
}

fn copyright() -> Result<String> {
    let root = workspace::root();
    let text = fs::read_to_string(root.join("LICENSE-MIT")).context("LICENSE-MIT is missing")?;
    Ok(format!(
        "Mailvane is licensed under the MIT License or the Apache License 2.0, at your choice.\n\n{text}\nThe Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_a_mark_heads_of_sixty_bytes_and_even_members() {
        let bytes = ar(&[("debian-binary", b"2.0\n"), ("odd", b"abc")]);
        assert!(bytes.starts_with(b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\n"));
        assert_eq!(bytes.len(), 8 + 60 + 4 + 60 + 4);
    }

    #[test]
    fn a_package_is_made_of_a_program() {
        let folder = std::env::temp_dir().join(format!("mailvane-package-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("mailvane");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let package = debian_package(&folder, &program).unwrap();
        let bytes = fs::read(&package).unwrap();
        assert!(bytes.starts_with(b"!<arch>\ndebian-binary"));
        // Where Debian's own tool is, it must take the package.
        if program::find("dpkg-deb").is_some() {
            let listed = Command::new("dpkg-deb").arg("--contents").arg(&package).output().unwrap();
            let text = String::from_utf8_lossy(&listed.stdout).into_owned();
            for name in ["./usr/bin/mailvane", "./usr/lib/systemd/system/mailvane.service", "./usr/share/doc/mailvane/copyright"] {
                assert!(text.contains(name), "{name} is not in {text}");
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_unit_lets_the_queue_be_listed() {
        // postqueue is set-gid: whatever implies NoNewPrivileges for a service with a user of its own would take that away.
        for option in [
            "NoNewPrivileges=yes",
            "SystemCallFilter",
            "RestrictSUIDSGID",
            "PrivateDevices",
            "LockPersonality",
            "RestrictAddressFamilies",
            "ProtectKernel",
            "MemoryDenyWriteExecute",
            "RestrictNamespaces",
            "DynamicUser",
        ] {
            assert!(!UNIT.lines().any(|line| line.starts_with(option)), "{option}");
        }
        assert!(UNIT.contains("User=mailvane") && UNIT.contains("SupplementaryGroups=adm") && UNIT.contains("StateDirectory=mailvane"));
    }
}
