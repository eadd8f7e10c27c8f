"""The replica in virtual time: seeded network, disks, clocks and people; one seed, one story."""
