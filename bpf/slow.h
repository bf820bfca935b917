/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The slow path: what is known about a call at its end, handed over to user space. */
#ifndef SYSCOUNT_SLOW_H
#define SYSCOUNT_SLOW_H

/* An argument by its number from 1 on, as struct look has it. In assembly: see bounded_slot(). */
static __always_inline __u64 argument(const struct slow_call *call, __u64 number)
{
	number--;
	asm volatile("if %0 <= 5 goto +1\n%0 = 5" : "+r"(number));
	return call->args[number];
}

static __always_inline void describe_task(struct slow_call *call, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;

	call->process_start_ns = LOAD(leader, start_boottime);
	call->cgroup = cgroup_of(task);
	keep_cgroup_path(cgroup_node(task), call->cgroup);
	call->pid = pid_in_our_namespace(leader);
	call->tid = pid_in_our_namespace(task);
	call->parent = pid_in_our_namespace(FIELD(FIELD(leader, real_parent), group_leader));
	call->uid = LOAD(task, cred->uid.val);
	bpf_probe_read_kernel_str(call->comm, sizeof(call->comm), task->comm);
}

/* The waits of this call, with what the task's own counters have added since its first. */
static __always_inline void describe_waits(struct slow_call *call, struct task_struct *task)
{
	struct thread *t = bpf_task_storage_get(&threads, task, NULL, 0);
	struct wait *w;

	if (!waits || !t || call->start_ns < waits_since_ns)
		return;
	if (t->wait.call != call->start_ns && t->wait.first_ns != call->start_ns) {
		call->wait.longest_class = WAIT_CLASSES;
		call->has_wait = true; /* it never left the CPU */
		return;
	}
	w = &t->wait;
	if (w->unfollowed)
		return; /* its threshold has come since */
	call->wait = *w; /* settled here: the thread itself may be at it on another CPU */
	if (w->off_ns && !call->open) {
		end_unseen_wait(&call->wait, task, call->end_ns);
		w->off_ns = 0;
	}
	if (!call->wait.off_ns)
		settle(&call->wait, task);
	call->wait.throttled_ns = throttled_ns(task) - w->throttled_ns;
	call->wait.major_faults = LOAD(task, maj_flt) - w->major_faults;
	call->has_wait = true;
}

/* The wait that it is in, with its stack now. */
static __always_inline void describe_open_wait(struct slow_call *call, struct task_struct *task)
{
	struct wait *w = &call->wait;
	__u64 waited = call->end_ns - w->off_ns;
	__u32 class = w->class;
	long bytes;

	if (!call->has_wait || !w->off_ns || class >= WAIT_CLASSES || (__s64)waited < 0)
		return;
	w->total_ns[class] += waited;
	bytes = bpf_get_task_stack(task, w->stack, sizeof(w->stack), 0);
	w->frames = bytes > 0 ? bytes / 8 : 0;
	w->longest_class = class;
	w->longest_iowait = bpf_core_field_exists(task->in_iowait) && BPF_CORE_READ_BITFIELD(task, in_iowait);
	w->longest_waker.pid = 0;
	w->longest_waker.tid = 0;
	w->longest_waking_stack = -1;
	if (waited > w->longest_ns)
		w->longest_ns = waited;
}

/* The file of the descriptor that the syscall's traits name; NULL: it has none, or it is closed by now. */
static __always_inline struct file *file_of_call(const struct slow_call *call, struct task_struct *task)
{
	if (call->has_args && has_trait(call->syscall, TRAIT_FD_FIRST))
		return file_of_fd(task, call->args[0]);
	if (!call->open && has_trait(call->syscall, TRAIT_FD_RESULT) && call->ret >= 0)
		return file_of_fd(task, call->ret);
	return NULL;
}

static __always_inline void describe_files(struct slow_call *call, struct task_struct *task, struct file *file)
{
	__u32 second = looks[table_index(call->syscall)].fd;

	if (file)
		report_file(call, &call->file, (__u64)file);
	if (!second || !call->has_args)
		return;
	file = file_of_fd(task, argument(call, second));
	if (file)
		report_file(call, &call->to, (__u64)file);
}

/* What the caller's own memory says; of another task's there is no reading here. */
static __always_inline void describe_texts(struct slow_call *call)
{
	__u32 slot = table_index(call->syscall);
	__u32 number;

	if (!call->has_args)
		return;
	number = looks[slot].text[0];
	if (number)
		call->text_bytes[0] = append_text(call, argument(call, number));
	number = looks[slot].text[1];
	if (number)
		call->text_bytes[1] = append_text(call, argument(call, number));
	number = looks[slot].timeout;
	if (number && argument(call, number))
		call->has_timeout =
			!bpf_probe_read_user(call->timeout, sizeof(call->timeout), (void *)argument(call, number));
}

static __always_inline void describe_program(struct slow_call *call, struct task_struct *task)
{
	struct file *program = BPF_CORE_READ(task, mm, exe_file);

	if (program)
		call->executable_bytes = append_path(call, (__u64)program) & NAMES_LENGTH;
}

/* Of the running thread, by frame pointers; a build id instead of an address, which would mean nothing later. */
static __always_inline void describe_user_stack(struct slow_call *call, struct task_struct *task)
{
	__u32 at = call->tail_bytes;
	long bytes;

	if (!looks[table_index(call->syscall)].user_stack || at >= TAIL_BYTES)
		return;
	bytes = bpf_get_task_stack(task, &call->tail[at], USER_FRAMES * sizeof(struct user_frame),
				   BPF_F_USER_STACK | BPF_F_USER_BUILD_ID);
	if (bytes <= 0)
		return;
	call->user_frames = bytes / sizeof(struct user_frame);
	call->tail_bytes = at + bytes;
}

static __always_inline struct slow_call *new_draft(__u32 which)
{
	struct slow_call *call = bpf_map_lookup_elem(&drafts, &which);

	if (call)
		__builtin_memset(call, 0, __builtin_offsetof(struct slow_call, tail));
	return call;
}

static __always_inline bool send(struct slow_call *call)
{
	__u64 bytes = __builtin_offsetof(struct slow_call, tail) + call->tail_bytes;

	if (bytes > sizeof(*call))
		bytes = sizeof(*call);
	return !bpf_ringbuf_output(&slow_calls, call, bytes, 0);
}

enum sent { SENT, SENT_NOT, RING_FULL, RULED_OUT };

/* Adds all that is known of the running thread's call to a draft, and sends it. Global: see append_path(). */
__noinline int complete(struct slow_call *call)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct floor floor = {};
	struct file *file;

	if (!call)
		return SENT_NOT;
	find_floor(&floor, call->syscall, cgroup_of(task));
	if (is_ruled_out(call, &floor))
		return RULED_OUT;
	file = file_of_call(call, task);
	if (floor.exempt >> kind_of(file) & 1)
		return SENT_NOT;
	describe_task(call, task);
	describe_waits(call, task);
	describe_files(call, task, file);
	describe_texts(call);
	describe_program(call, task);
	describe_user_stack(call, task);
	return send(call) ? SENT : RING_FULL;
}

/* Of the running thread, and only for a call that took at least its threshold. Global: see ADDRESS. */
__noinline int hand_over(struct cpu *cpu, __u32 slot, const struct ended *ended)
{
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct slow_call *call = new_draft(DRAFT_OF_CPU);
	int sent;

	if (!call || !cpu || !ended)
		return 0;
	call->start_ns = ended->start_ns;
	call->end_ns = ended->end_ns;
	call->ret = ended->ret;
	call->syscall = slot;
	call->start = ended->first_ns ? ended->first : START_ENTRY;
	call->has_args = !(has_trait(slot, TRAIT_NEW_REGISTERS) && ended->ret == 0);
	if (call->has_args)
		read_args(regs, slot, call->args);
	sent = complete(call);
	cpu->counters.slow += sent == SENT || sent == RING_FULL;
	cpu->counters.ruled_out += sent == RULED_OUT;
	cpu->counters.ring_full += sent == RING_FULL;
	return 0;
}

static __always_inline void judge(struct cpu *cpu, __u32 slot, struct ended *ended)
{
	if (unlikely(ended->end_ns - ended->start_ns >= threshold_of(slot)))
		hand_over(cpu, slot, ended);
}

/* Adds a call to its process's list, or to its row. */
static __always_inline void count_ended(struct cpu *cpu, const struct ended *ended, bool timed)
{
	__u64 ns = timed ? ended->end_ns - ended->start_ns : NO_TIME;

	if (early_places && unlikely(cpu->running.early) && list_call(cpu, timed))
		return;
	add_call(cpu, cpu->running.syscall, is_error(ended->ret), ns);
}

/*
 * A call of which no time was taken, but which is known since some moment: it began before that, or
 * then. Mode count has no other times. Where one of some calls is timed, its row has only
 * these: they are a random sample, and those that waited are not.
 */
static __noinline void finish_from_first_ns(struct cpu *cpu, struct ended *ended)
{
	ended->start_ns = ended->first_ns;
	ended->end_ns = bpf_ktime_get_ns();
	if (ended->end_ns < ended->start_ns)
		ended->end_ns = ended->start_ns;
	count_ended(cpu, ended, is_counting());
	judge(cpu, cpu->running.syscall, ended);
}

/* The end of a call that had begun: its row, and the slow path if it took its threshold. */
static __always_inline void finish(struct cpu *cpu, struct ended *ended)
{
	bool timed = ended->start_ns != UNTIMED;

	if (unlikely(!is_wanted_result(ended->ret)) && cpu->running.group != GROUP_CALIBRATION) {
		cpu->counters.unwanted++;
		return;
	}
	if (unlikely(!timed && ended->first_ns)) {
		finish_from_first_ns(cpu, ended);
		return;
	}
	if (unlikely(timed && ended->end_ns < ended->start_ns)) {
		cpu->counters.negative++;
		ended->end_ns = ended->start_ns;
	}
	count_ended(cpu, ended, timed);
	if (timed)
		judge(cpu, cpu->running.syscall, ended);
}

#endif
