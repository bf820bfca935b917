//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How many system calls the host makes, for a moment in which nothing else of
 * ours is attached to them: see callrate.go.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ended_calls SEC(".maps");

SEC("tp_btf/sys_exit")
int count_call(void *ctx)
{
	__u32 zero = 0;
	__u64 *calls = bpf_map_lookup_elem(&ended_calls, &zero);

	if (calls)
		(*calls)++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
