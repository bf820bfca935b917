//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Runs slot_of_ns() in the kernel, for a test that compares it with its twin in Go. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "../histogram.h"

#define BATCH 1024

__u64 durations[BATCH] = {};
__u32 found[BATCH] = {};

/* A function of its own is verified once, not in each round of the loop. */
__noinline __u32 find_slot(__u64 ns)
{
	return slot_of_ns(ns);
}

SEC("syscall")
int find_slots(void *ctx)
{
	for (__u32 i = 0; i < BATCH; i++)
		found[i] = find_slot(durations[i]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
