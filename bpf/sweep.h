/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Open calls: the iterators over all threads that hand over the old ones, and count them all. */
#ifndef SYSCOUNT_SWEEP_H
#define SYSCOUNT_SWEEP_H

/* Calls that have not ended yet, and began before that moment: see sweep. */
volatile __u64 sweep_ns = 0; /* CLOCK_MONOTONIC, now */
__u64 sweep_ring_full = 0;

/* What it tells the agent: how many it found, and since when the oldest call is open that a later one may find; ~0:
 * there is none, 0: one of which that is not known. Before that is old enough no sweep would find any. */
__u64 sweep_found = 0;
__u64 sweep_left_ns = 0;

static __always_inline void leave_to_later(__u64 since_ns)
{
	if (since_ns < sweep_left_ns)
		sweep_left_ns = since_ns;
}

/* The CPU that a thread is on or was on last. */
static __always_inline __u32 cpu_of(struct task_struct *task)
{
	if (bpf_core_field_exists(task->thread_info.cpu))
		return BPF_CORE_READ(task, thread_info.cpu);
	return BPF_CORE_READ((struct task_struct___until_5_15 *)task, cpu);
}

/* What is open, and since when; start_ns 0: nothing. */
struct open_call {
	__u64 start_ns;
	__u32 syscall;
	__u8 start; /* enum call_start */
};

/*
 * While somebody attaches to a function or detaches from it, the kernel may leave out
 * the end of the calls that are in it (kernel/bpf/trampoline.c): the thread's next
 * observed call tells, but that may never come. Until then its registers do.
 */
static __always_inline bool is_unended(__u32 syscall, struct task_struct *task, struct pt_regs *regs)
{
	__u32 slot;

	if (!by_function)
		return true;
	if (!is_in_call(regs))
		return false;
	slot = syscall_slot(task, number_in(regs));
	return slot == syscall || has_trait(slot, TRAIT_RESTART);
}

/*
 * A thread that runs has its open call with its CPU, which goes on meanwhile: what
 * is the same before and after belongs together. Linux 5.15 cannot look there.
 */
static __always_inline void running_call(struct open_call *open, struct task_struct *task, struct pt_regs *regs)
{
	volatile struct running *r;
	__u64 start_ns, first_ns;
	struct cpu *cpu;

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_map_lookup_percpu_elem))
		return;
	cpu = bpf_map_lookup_percpu_elem(&cpus, ONLY, cpu_of(task));
	if (!cpu)
		return;
	r = &cpu->running;
	start_ns = r->start_ns;
	first_ns = r->first_ns;
	open->start = r->first;
	if (start_ns)
		open->syscall = r->syscall;
	if (r->task != (__u64)task || r->start_ns != start_ns || r->first_ns != first_ns)
		return;
	if (start_ns > LEFT_OUT) {
		if (!is_unended(open->syscall, task, regs))
			return;
		open->start_ns = start_ns;
		open->start = START_ENTRY;
	} else if (start_ns != LEFT_OUT && is_in_call(regs)) {
		open->start_ns = first_ns;
	}
}

/* In mode watch: nothing tells of a thread that has run since whether it still is in the call of its record. */
static __always_inline bool is_outdated(const struct thread *t, struct task_struct *task)
{
	return is_watching() && !switching && (is_on_cpu(task) || t->switches != switches_of(task));
}

static __always_inline struct open_call open_call_of(const struct thread *t, struct task_struct *task,
						     struct pt_regs *regs)
{
	struct open_call open = { .syscall = t->syscall };

	if (t->by_watch) {
		open.start = t->wait.first;
		if (is_watched_call(t, task, regs))
			open.start_ns = t->wait.first_ns;
		return open;
	}
	if (is_outdated(t, task))
		return open;
	if (t->suspended_ret)
		open.syscall = t->suspended;
	else if (!is_open(t->start_ns))
		open.syscall = syscall_slot(task, number_in(regs));
	if (t->wait.call == UNTIMED && (t->suspended_ret || is_in_call(regs))) {
		open.start_ns = t->wait.first_ns; /* of a running thread the waits may be stale */
		open.start = t->wait.first;
	} else if (t->suspended_ret) {
		open.start_ns = t->suspended_start_ns;
	} else if (is_open(t->start_ns) && t->start_ns != UNTIMED) {
		open.start_ns = is_unended(t->syscall, task, regs) ? t->start_ns : 0;
	} else if (!t->start_ns) {
		running_call(&open, task, regs);
	}
	return open;
}

/* Hands over every call that has been open for so long: the agent reads the iterator now and then. */
SEC("iter/task")
int sweep(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct floor floor = {};
	struct slow_call *call;
	struct open_call open;
	struct pt_regs *regs;
	struct file *file;
	struct thread *t;

	if (!task || filter_results) /* which has to come first */
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (!t || t->attachment != attachment || !t->observed)
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	open = open_call_of(t, task, regs);
	if (!open.start_ns && is_in_call(regs)) /* or it was on its way between two CPUs */
		open.syscall = syscall_slot(task, number_in(regs));
	else if (!open.start_ns)
		return 0;
	if (threshold_of(open.syscall) == NEVER)
		return 0;
	if (!open.start_ns || sweep_ns < open.start_ns || sweep_ns - open.start_ns < sweep_age_ns) {
		leave_to_later(open.start_ns);
		return 0;
	}
	call = new_draft(DRAFT_OF_ITERATOR);
	if (!call) {
		leave_to_later(0);
		return 0;
	}
	call->start_ns = open.start_ns;
	call->end_ns = sweep_ns;
	call->open = true;
	call->syscall = open.syscall;
	call->start = open.start;
	call->has_args = true;
	read_args(regs, open.syscall, call->args);
	find_floor(&floor, call->syscall, cgroup_of(task));
	if (is_ruled_out(call, &floor)) {
		if (floor.open_ns != NEVER)
			leave_to_later(0);
		return 0;
	}
	file = file_of_call(call, task);
	if (floor.exempt >> kind_of(file) & 1)
		return 0;
	describe_task(call, task);
	describe_waits(call, task);
	describe_open_wait(call, task);
	describe_files(call, task, file);
	describe_program(call, task);
	if (has_trait(open.syscall, TRAIT_FILE_LOCK))
		call->lock_holder = lock_holder(call, task, file);
	sweep_found++;
	if (!send(call))
		sweep_ring_full++;
	return 0;
}

/*
 * Counts the open calls of all threads that do not run: with those of the
 * running ones, in struct running, what is in flight, as an independent figure.
 */
__u64 open_calls = 0;

SEC("iter/task")
int count_open(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct thread *t;

	if (!task)
		return 0;
	t = bpf_task_storage_get(&threads, task, NULL, 0);
	if (t && is_open(t->start_ns))
		open_calls++;
	return 0;
}

#endif
