/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Callbacks of mode watch: the kernel calls us in a thread as it returns to user mode
 * (BPF task work). Each thread may wait for one, which stands in `callbacks` until then.
 */
#ifndef SYSCOUNT_CALLBACK_H
#define SYSCOUNT_CALLBACK_H

#define CALLBACKS 8192 /* threads that may wait for theirs at a time */

struct callback {
	struct bpf_task_work work;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CALLBACKS);
	__type(key, __u64); /* address of the task */
	__type(value, struct callback);
} callbacks SEC(".maps");

/* In callbacks: as long as there is none, most threads that are preempted need no look at their storage. */
volatile __u32 callbacks_to_come = 0;

/* Two spellings: the fifth argument was made implicit in Linux 7.0. */
extern int bpf_task_work_schedule_resume(struct task_struct *task, struct bpf_task_work *work, void *map,
					 int (*callback)(struct bpf_map *map, void *key, void *value)) __ksym __weak;
extern int bpf_task_work_schedule_resume_impl(struct task_struct *task, struct bpf_task_work *work, void *map,
					      int (*callback)(struct bpf_map *map, void *key, void *value),
					      void *aux) __ksym __weak;

extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

/* The thread's callback has come: watch.h. */
static __always_inline void call_ended(void);

/* Called by the kernel in the thread itself, which may be preempted: what belongs to the CPU must not be. */
static int call_returns(struct bpf_map *map, void *key, void *value)
{
	if (has_task_work == TASK_WORK_NONE) /* and no kernel function first: where it is missing, the loader would
						lose ours with it */
		return 0;
	bpf_rcu_read_lock();
	bpf_preempt_disable();
	call_ended();
	bpf_preempt_enable();
	bpf_rcu_read_unlock();
	return 0;
}

static __always_inline int schedule_callback(struct task_struct *task, struct callback *c)
{
	if (has_task_work == TASK_WORK_IMPL)
		return bpf_task_work_schedule_resume_impl(task, &c->work, &callbacks, call_returns, NULL);
	if (has_task_work == TASK_WORK)
		return bpf_task_work_schedule_resume(task, &c->work, &callbacks, call_returns);
	return -1;
}

/* The thread's callback is not to come any more. False: there was none. */
static __always_inline bool forget_callback(struct task_struct *task)
{
	__u64 key = (__u64)task;

	if (bpf_map_delete_elem(&callbacks, &key))
		return false;
	__sync_fetch_and_add(&callbacks_to_come, -1);
	return true;
}

static __noinline void ask_for_callback(struct cpu *cpu, struct thread *t, struct task_struct *task)
{
	__u64 key = (__u64)task;
	struct callback empty = {};
	struct callback *c;

	if (!bpf_map_update_elem(&callbacks, &key, &empty, BPF_NOEXIST))
		__sync_fetch_and_add(&callbacks_to_come, 1);
	c = bpf_map_lookup_elem(&callbacks, &key);
	if (!c) {
		cpu->counters.callbacks_failed++;
		return;
	}
	if (schedule_callback(task, c)) {
		cpu->counters.callbacks_failed++;
		forget_callback(task);
		return;
	}
	cpu->counters.callbacks++;
	t->called_back = true;
}

#endif
