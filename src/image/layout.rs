//! The disk: GPT with a BIOS-boot partition, an EFI system partition and the root, numbered as
//! Debian's cloud images number them (14, 15, 1), the root last so that it can grow.

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;
/// First sector of the BIOS-boot partition: GRUB's core image.
pub const BIOS_BOOT: u64 = MIB / SECTOR;
/// First byte of the EFI system partition.
pub const ESP_OFFSET: u64 = 4 * MIB;
/// Bytes of the EFI system partition.
pub const ESP_SIZE: u64 = 124 * MIB;
/// First byte of the root file system.
pub const ROOT_OFFSET: u64 = ESP_OFFSET + ESP_SIZE;

/// Bytes of the root file system on a disk of `disk_gb` GiB; the last MiB is the backup GPT's.
#[must_use]
pub fn root_size(disk_gb: u32) -> u64 {
    disk_size(disk_gb) - ROOT_OFFSET - MIB
}

/// Bytes of a disk. Compute Engine takes whole GiB only.
#[must_use]
pub fn disk_size(disk_gb: u32) -> u64 {
    u64::from(disk_gb) << 30
}

/// The partition table, for `sfdisk`.
#[must_use]
pub fn sfdisk_script(disk_gb: u32) -> String {
    let sectors = |bytes: u64| bytes / SECTOR;
    format!(
        "label: gpt\nunit: sectors\n\
         14: start={BIOS_BOOT}, size={}, type=21686148-6449-6E6F-744E-656564454649\n\
         15: start={}, size={}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n\
         1: start={}, size={}, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n",
        sectors(ESP_OFFSET) - BIOS_BOOT,
        sectors(ESP_OFFSET),
        sectors(ESP_SIZE),
        sectors(ROOT_OFFSET),
        sectors(root_size(disk_gb)),
    )
}

/// Makes GRUB's two BIOS parts find each other on this disk, as `grub-bios-setup` does: the boot
/// sector holds the first sector of the core image at 0x5c (`GRUB_BOOT_MACHINE_KERNEL_SECTOR`), and
/// the core image's first sector the start of its remainder at 0x1f4 (the last block list entry).
pub fn link_grub(boot: &mut [u8], core: &mut [u8]) {
    boot[0x5c..0x64].copy_from_slice(&BIOS_BOOT.to_le_bytes());
    core[0x1f4..0x1fc].copy_from_slice(&(BIOS_BOOT + 1).to_le_bytes());
}

/// Bytes of the boot sector that are code; the partition table follows.
pub const BOOT_CODE: usize = 440;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_each_other_and_leave_room_for_the_backup_table() {
        assert_eq!(
            sfdisk_script(10),
            "label: gpt\nunit: sectors\n\
             14: start=2048, size=6144, type=21686148-6449-6E6F-744E-656564454649\n\
             15: start=8192, size=253952, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n\
             1: start=262144, size=20707328, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"
        );
        assert_eq!(ROOT_OFFSET + root_size(10) + MIB, disk_size(10));
    }

    #[test]
    fn grub_finds_its_core_image() {
        let (mut boot, mut core) = (vec![0; 512], vec![0; 1024]);
        link_grub(&mut boot, &mut core);
        assert_eq!(&boot[0x5c..0x64], &2048u64.to_le_bytes());
        assert_eq!(&core[0x1f4..0x1fc], &2049u64.to_le_bytes());
    }
}
