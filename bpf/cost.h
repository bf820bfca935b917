/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What our program takes at context switches. It cannot be had from a loop with
 * and without us, as the cost of a call can: what a switch itself takes varies by
 * more. So one in some switches is timed where it happens.
 */
#ifndef SYSCOUNT_COST_H
#define SYSCOUNT_COST_H

/* Odd, so that it does not fall into step with a thread that comes and goes. Three looks at the clock: 1 ns a switch.
 */
#define TIMED_ONE_IN 61
#define BY_US_NS 10000 /* what took longer was not ours: the hypervisor had the CPU */

static __always_inline void begin_switch(struct cpu *cpu)
{
	__u64 switches = ++cpu->cost.switches;

	if (likely(switches < cpu->cost.next_timed))
		return;
	cpu->cost.next_timed = switches + TIMED_ONE_IN;
	cpu->cost.began_ns = bpf_ktime_get_ns();
}

/* A second look tells what the clock itself takes. */
static __always_inline void end_switch(struct cpu *cpu)
{
	__u64 began = cpu->cost.began_ns, ended, took, clock;

	if (likely(!began))
		return;
	cpu->cost.began_ns = 0;
	ended = bpf_ktime_get_ns();
	took = ended - began;
	clock = bpf_ktime_get_ns() - ended;
	if (took > BY_US_NS)
		return;
	cpu->cost.timed++;
	cpu->cost.timed_ns += took > clock ? took - clock : 0;
}

#endif
