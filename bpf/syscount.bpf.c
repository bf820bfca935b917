//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side. In mode account a call's beginning is stamped into its
 * thread's record; its end adds the duration to one row and, at or over the
 * threshold of its syscall, hands the call over to user space. In mode count
 * the end alone is seen, and counted. In mode watch neither is: see watch.h. One
 * program of each tracepoint serves all modes: see switchover.h.
 *
 * The order of the file: configuration, maps, who is observed, rows, restarts,
 * waits, the slow path, calls, ticks and mode watch, context switches, programs.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "syscount.h"
#include "report.h"
#include "field.h"
#include "abi.h"
#include "histogram.h"

/* --- configuration --- */

/* Fixed at load: the verifier removes what they switch off. */
const volatile __u32 row_group = GROUP_BY_NONE;
const volatile bool waits = true; /* where the time of slow calls went is measured */
const volatile __u32 near_shift = 2; /* places for rows near a CPU, as a power of two */
const volatile __u32 near_sets = 0; /* mask, in where a place begins, of what tells NEAR_PLACES of them from others */
const volatile __u32 near_last = 0; /* where the last of all begins */
const volatile __u32 early_places = 0; /* first lists of young processes on each CPU, a power of two, with as many
					  others; 0, as where rows are not by process: there are none */
const volatile bool has_prev_state = false; /* sched_switch has the state of the task that leaves as an argument */
const volatile __u32 has_task_work = TASK_WORK_NONE;
const volatile bool preemptible = false; /* preemption has to be switched off: see UNPREEMPTED */
const volatile bool by_function = false; /* the programs of calls are attached to functions */
const volatile __u32 edition = 0; /* 0 or 1, and not what it was for the programs in whose place we came */

/* Where the agent lives: set by the program locate, which it runs in its own context before it attaches. */
volatile __u32 pidns_level = 0;
volatile __u32 pidns_inum = 0;
volatile __u64 cgroupns_root = 0; /* id of the root of its cgroup namespace */

volatile __u64 registers_at = 0; /* where in a thread's stack its user registers are: also set by locate */

volatile __u64 calibrator = 0; /* address of the agent's thread that measures what a call costs; 0: none does */

/* Changed while running, through the mapped memory of .data. */
volatile struct validity in_force = { .generation = 1, .mode = MODE_ACCOUNT };
volatile __u32 family = 1; /* the mark of the processes that the filter names, and of their children */
volatile __u32 attachment = 0; /* number of the attachment: what is left of an earlier one is void */
volatile __u32 interval = 1; /* number of the running interval; 0 is that of an empty row */
volatile __u32 sample = 1; /* mode account: the clock is read in one of so many calls */
volatile bool switching = false; /* mode watch: the end of calls is still attached */
volatile bool switched = false; /* the mode was another one in this attachment */
volatile __u8 doubled = 0; /* enum doubles: two programs are attached to the same events */
volatile bool filter_pids = false;
volatile bool filter_children = false; /* a process of that mark hands it on */
volatile bool filter_cgroups = false;
volatile bool filter_owners = false; /* by user or by comm */
volatile bool filter_subjects = false; /* one of these two: what a verdict depends on may change. Each call asks */
volatile bool filter_targets = false; /* something names who is observed; else it is all but the excluded */
volatile bool filter_results = false;
volatile __u64 wanted_errors[ERROR_WORDS] = {}; /* a bit for each number, if filter_results */
volatile __u64 threshold_ns[TABLE_SLOTS] = {}; /* lowest that could be slow; ~0: never */
volatile struct floor lowest[TABLE_SLOTS] = {}; /* the same by result, wherever the call is made: see floor.h */
volatile __u32 numbering = 0; /* of the sets of floors: an assignment of another one is void */
volatile __u8 traits[TABLE_SLOTS] = {}; /* enum trait */
volatile __u16 waits_of[TABLE_SLOTS] = {}; /* enum interest, in its waits */
volatile struct look looks[TABLE_SLOTS] = {}; /* what more to look at in a slow call */

volatile __u64 sweep_age_ns = 0; /* the sweep hands over calls that are open for so long; 0: there was none */

/* When the agent ended, CLOCK_MONOTONIC, and left us attached for the next one; which makes it 0. */
volatile __u64 agent_ended_ns = 0;

/* Since when waits are measured, where they were not before in this attachment; CLOCK_MONOTONIC. */
volatile __u64 waits_since_ns = 0;

/* Only pointers to these types keep them in BTF, from which bpf2go reads them. */
const enum fd_kind *unused_fd_kind __attribute__((unused));
const enum interest *unused_interest __attribute__((unused));
const enum trait *unused_trait __attribute__((unused));
const enum cgroup_path_end *unused_cgroup_path_end __attribute__((unused));
const enum slots *unused_slots __attribute__((unused));
const enum histogram *unused_histogram __attribute__((unused));
const enum modes *unused_modes __attribute__((unused));
const enum group_by *unused_group_by __attribute__((unused));
const enum wait_class *unused_wait_class __attribute__((unused));
const struct user_frame *unused_user_frame __attribute__((unused));
const enum call_start *unused_call_start __attribute__((unused));
const enum choice *unused_choice __attribute__((unused));
const enum errors *unused_errors __attribute__((unused));
const enum task_work *unused_task_work __attribute__((unused));
const enum doubles *unused_doubles __attribute__((unused));
const enum early *unused_early __attribute__((unused));
const struct near_row *unused_near_row __attribute__((unused));
const enum plainness *unused_plainness __attribute__((unused));

/* --- maps --- */

#include "maps.h"

/* A slot as an index that the verifier sees to be in bounds; the compiler would drop the mask. */
static __always_inline __u32 table_index(__u32 slot)
{
	barrier_var(slot);
	return slot & (TABLE_SLOTS - 1);
}

#define NEVER (~0ULL) /* a threshold that no call reaches */

static __always_inline __u64 threshold_of(__u32 slot)
{
	return threshold_ns[table_index(slot)];
}

static __always_inline bool has_trait(__u32 slot, __u8 trait)
{
	return traits[table_index(slot)] & trait;
}

/* The same for all threads: a call into the kernel less, where the cast lets us read what we point to. */
static __always_inline struct pt_regs *user_registers(struct task_struct *task)
{
	if (has_rdonly_cast)
		return CAST(struct pt_regs, (void *)((__u64)PLAIN(task, stack) + registers_at));
	return (struct pt_regs *)bpf_task_pt_regs(task);
}

static __always_inline bool is_error(long ret)
{
	return ret < 0 && ret >= -MAX_ERRNO;
}

/* --- who is observed --- */

#include "cgroup.h"
#include "process.h"
#include "early.h"
#include "verdict.h"
#include "running.h"

/* --- rows --- */

#include "row.h"

/* --- restarts --- */

#include "restart.h"

/* --- waits --- */

#include "fdkind.h"
#include "wait.h"
#include "cost.h"

/* --- mode count --- */

#include "count.h"

/* --- the slow path --- */

#include "file.h"
#include "lock.h"
#include "floor.h"
#include "slow.h"

/* --- calls --- */

#include "begin.h"
#include "end.h"
#include "plain.h"

/* --- ticks, and mode watch --- */

extern void bpf_preempt_disable(void) __ksym __weak;
extern void bpf_preempt_enable(void) __ksym __weak;

#include "tick.h"
#include "watch.h"

/* --- context switches --- */

#include "switch.h"

/* --- programs --- */

/*
 * struct running has one writer as long as nobody else runs on the CPU. On
 * tracepoints of system calls programs run with preemption off until Linux 7.1;
 * since then, and on functions, they have to see to it themselves.
 */
#define UNPREEMPTED(statement)                                                                                       \
	do {                                                                                                         \
		if (preemptible)                                                                                     \
			bpf_preempt_disable();                                                                       \
		statement;                                                                                           \
		if (preemptible)                                                                                     \
			bpf_preempt_enable();                                                                        \
	} while (0)

/*
 * sys_enter and sys_exit are loaded for the functions of single calls too: see
 * targeted.go. Hence they take nothing that only the tracepoint has, such as the number.
 */
SEC("tp_btf/sys_enter")
int BPF_PROG(sys_enter, struct pt_regs *regs)
{
	UNPREEMPTED(begin(regs));
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
	UNPREEMPTED(end(regs, ret));
	return 0;
}

/* Mode count: kernels for arm64 lose execve's number here, or keep that of another ABI. No handler runs after it. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	long id = number_in((struct pt_regs *)bpf_task_pt_regs(task));

	if (!t)
		return 0;
	t->executed = is_counting() && (id == -1 || exec_across(task, id));
	t->delivered = 0;
	return 0;
}

static __always_inline void delivered(struct cpu *cpu, struct k_sigaction *action)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	if (!is_observed(cpu, regs) || (unsigned long)action->sa.sa_handler <= SIG_IGN)
		return; /* no handler: an interrupted call goes on, or the thread dies */
	if (doubled & DOUBLED_SWITCHES && is_delivered(regs))
		return;
	note_handler();
	if (cpu->running.suspended && interrupt(cpu, action, &cpu->ended))
		finish(cpu, &cpu->ended);
}

static __always_inline void deliver(struct k_sigaction *action)
{
	struct cpu *cpu = this_cpu();

	if (!cpu)
		return;
	if (is_watching())
		deliver_watched(cpu, action);
	else
		delivered(cpu, action);
}

/* A handler decides whether the call that its signal interrupted goes on. */
SEC("tp_btf/signal_deliver")
int BPF_PROG(signal_deliver, int sig, void *info, struct k_sigaction *action)
{
	UNPREEMPTED(deliver(action));
	return 0;
}

/* The state is an argument since Linux 5.18; before, and while a waker is at it, the task has it. */
SEC("tp_btf/sched_switch")
int BPF_PROG(sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct cpu *cpu = this_cpu();
	struct leaving how = {
		.preempted = preempt,
		.state = has_prev_state ? (__u32)ctx[3] : LOAD(prev, __state),
	};
	__u64 now = 0;

	if (!cpu)
		return 0;
	begin_switch(cpu);
	if (is_watching()) {
		keep_order(cpu, prev, next);
		watch_out(cpu, prev, &how, &now);
		watch_in(cpu, next, &now);
		end_switch(cpu);
		return 0;
	}
	cpu->came = 0;
	if (is_switched(cpu, next)) {
		end_switch(cpu);
		return 0;
	}
	switch_out(cpu, prev, &how, &now);
	if (!return_from_rest(cpu, next) && waits)
		switch_in(cpu, next, &now);
	end_switch(cpu);
	return 0;
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(tick)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs;
	struct cpu *cpu;

	if (PLAIN(task, flags) & (PF_KTHREAD | PF_EXITING))
		return 0;
	regs = user_registers(task);
	if (!is_in_call(regs))
		return 0;
	cpu = this_cpu();
	if (!cpu)
		return 0;
	if (is_watching())
		tick_watched(cpu, task, regs);
	else
		tick_untimed(cpu, task);
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(sched_waking, struct task_struct *task)
{
	wake(ctx, task);
	return 0;
}

static __always_inline void ended_thread(struct task_struct *task)
{
	struct cpu *cpu = this_cpu();
	struct thread *t;

	if (!cpu)
		return;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	give_back(cpu, task, t);
	if (!t)
		return;
	forget_sleeper(t, sleepers_like(task));
	end_watching(cpu, t, task);
	forget_earlier(cpu, t);
	cpu->counters.abandoned += t->suspended_ret != 0;
	cpu->counters.died += is_open(t->start_ns);
	t->suspended_ret = 0;
	t->start_ns = 0;
}

/* A child has the mark before it makes its first call. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	if (filter_children)
		inherit_mark(parent, child);
	return 0;
}

static __always_inline void ended_process(struct task_struct *leader)
{
	if (row_group == GROUP_BY_PROCESS)
		mark_exited(leader);
	if (is_self(leader))
		agent_ended_ns = bpf_ktime_get_ns();
}

/* exit, exit_group, and a thread killed where no sys_exit follows. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	/* The last thread may have slept since before we were attached, and have no record. */
	if (!LOAD(task, signal->live.counter))
		ended_process(task->group_leader);
	UNPREEMPTED(ended_thread(task));
	return 0;
}

#include "sweep.h"
#include "drain.h"

/* Run by the agent (BPF_PROG_RUN): no file of /proc tells how deep a PID namespace lies. */
SEC("syscall")
int locate(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid upid = {};

	pidns_level = BPF_CORE_READ(pid, level);
	if (!read_upid(pid, pidns_level, &upid))
		return 1;
	pidns_inum = BPF_CORE_READ(upid.ns, ns.inum);
	registers_at = ADDRESS(bpf_task_pt_regs(task)) - (__u64)LOAD(task, stack);
	cgroupns_root = BPF_CORE_READ(task, nsproxy, cgroup_ns, root_cset, dfl_cgrp, kn, id);
	return 0;
}

/* Run by the agent's thread that will make calls only to know what they cost, and by it again at their end. */
__u8 calibration_begins = 0;

SEC("syscall")
int calibrate(void *ctx)
{
	calibrator = calibration_begins ? (__u64)bpf_get_current_task_btf() : 0;
	return 0;
}

/* Names an address of the kernel: neither /proc/kallsyms nor CAP_SYSLOG is needed. */
__u64 symbol_address = 0;
char symbol_name[128] = {};

SEC("syscall")
int symbolise(void *ctx)
{
	__u64 address = symbol_address;

	return bpf_snprintf(symbol_name, sizeof(symbol_name), "%ps", &address, sizeof(address)) < 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
