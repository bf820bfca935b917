/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which call it is, and with which arguments: the only part that differs between architectures. */
#ifndef SYSCOUNT_ABI_H
#define SYSCOUNT_ABI_H

#include "kernel.h"
#include "syscount.h"

#define SLOT_IN(first, size, nr) ((first) + ((nr) < (size)-1 ? (nr) : (size)-1))

#if defined(__TARGET_ARCH_x86)

#define EXECVE_LEAVES_MINUS_ONE 0 /* as the number, at its end */

#define TS_COMPAT 0x2 /* arch/x86/include/asm/thread_info.h */
#define X32_BIT 0x40000000U /* __X32_SYSCALL_BIT, arch/x86/include/uapi/asm/unistd.h */

static __always_inline bool is_compat(struct task_struct *task)
{
	return PLAIN(task, thread_info.status) & TS_COMPAT;
}

static __always_inline __u32 syscall_slot(struct task_struct *task, long id)
{
	__u32 nr = (__u32)id; /* -1 from ptrace becomes the largest number */

	if (unlikely(is_compat(task)))
		return SLOT_IN(NATIVE_SLOTS, COMPAT_SLOTS, nr);
	if (unlikely(nr & X32_BIT && nr != (__u32)-1)) {
		nr &= ~X32_BIT;
		return SLOT_IN(NATIVE_SLOTS + COMPAT_SLOTS, X32_SLOTS, nr);
	}
	return SLOT_IN(0, NATIVE_SLOTS, nr);
}

/* arch/x86/entry/syscalls/syscall_64.tbl and syscall_32.tbl */
static __always_inline long sigreturn_number(struct task_struct *task)
{
	return is_compat(task) ? 173 : 15;
}

static __always_inline long execve_number(struct task_struct *task)
{
	return is_compat(task) ? 11 : 59;
}

/* A program of another ABI comes with its own number in the register (set_personality_ia32(), process_64.c). */
static __always_inline long exec_across(struct task_struct *task, long id)
{
	return 0;
}

/* What the registers say; at the end, after rt_sigreturn, -1. */
static __always_inline long number_in(struct pt_regs *regs)
{
	return (int)regs->orig_ax;
}

#define ENOSYS 38

/* Until a call has a result, its register holds this: arch/x86/entry/entry_64.S. An interrupt leaves -1 as the
 * number. */
static __always_inline bool is_in_call_of(struct pt_regs *regs, long number)
{
	return number >= 0 && (long)regs->ax == -ENOSYS;
}

static __always_inline long result_of(struct pt_regs *regs, __u32 slot)
{
	return regs->ax;
}

/* Where in the program the call was made. */
static __always_inline __u64 ip_of(struct pt_regs *regs)
{
	return regs->ip;
}

/* The registers still hold the arguments at the end of the call. */
static __always_inline void read_args(struct pt_regs *regs, __u32 slot, __u64 args[6])
{
	if (slot >= NATIVE_SLOTS && slot < NATIVE_SLOTS + COMPAT_SLOTS) {
		args[0] = (__u32)regs->bx;
		args[1] = (__u32)regs->cx;
		args[2] = (__u32)regs->dx;
		args[3] = (__u32)regs->si;
		args[4] = (__u32)regs->di;
		args[5] = (__u32)regs->bp;
		return;
	}
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

#elif defined(__TARGET_ARCH_arm64)

#define EXECVE_LEAVES_MINUS_ONE 1

#define TIF_32BIT 22 /* arch/arm64/include/asm/thread_info.h */

static __always_inline bool is_compat(struct task_struct *task)
{
	return PLAIN(task, thread_info.flags) & (1UL << TIF_32BIT);
}

static __always_inline __u32 syscall_slot(struct task_struct *task, long id)
{
	__u32 nr = (__u32)id;

	if (unlikely(is_compat(task)))
		return SLOT_IN(NATIVE_SLOTS, COMPAT_SLOTS, nr);
	return SLOT_IN(0, NATIVE_SLOTS, nr);
}

/* include/uapi/asm-generic/unistd.h, arch/arm64/tools/syscall_32.tbl */
static __always_inline long sigreturn_number(struct task_struct *task)
{
	return is_compat(task) ? 173 : 139;
}

static __always_inline long execve_number(struct task_struct *task)
{
	return is_compat(task) ? 11 : 221;
}

/*
 * The number that execve or execveat has for a program that one of the other ABI has called by this
 * number, which stays in the register; 0: it is the number of another call.
 */
static __always_inline long exec_across(struct task_struct *task, long id)
{
	if (is_compat(task))
		return id == 221 ? 11 : id == 281 ? 387 : 0;
	return id == 11 ? 221 : id == 387 ? 281 : 0;
}

/* What the registers say; at the end, after rt_sigreturn and on some kernels execve, -1. */
static __always_inline long number_in(struct pt_regs *regs)
{
	return regs->syscallno;
}

/* The first argument's register is the result's. */
static __always_inline bool is_in_call_of(struct pt_regs *regs, long number)
{
	return number >= 0 && regs->regs[0] == regs->orig_x0;
}

/* The kernel takes the upper half of a 32-bit program's result away (arch/arm64/include/asm/syscall.h). */
static __always_inline long result_of(struct pt_regs *regs, __u32 slot)
{
	return slot < NATIVE_SLOTS ? (long)regs->regs[0] : (int)regs->regs[0];
}

/* Where in the program the call was made. */
static __always_inline __u64 ip_of(struct pt_regs *regs)
{
	return regs->pc;
}

static __always_inline void read_args(struct pt_regs *regs, __u32 slot, __u64 args[6])
{
	args[0] = regs->orig_x0;
	args[1] = regs->regs[1];
	args[2] = regs->regs[2];
	args[3] = regs->regs[3];
	args[4] = regs->regs[4];
	args[5] = regs->regs[5];
}

#endif

static __always_inline bool is_in_call(struct pt_regs *regs)
{
	return is_in_call_of(regs, number_in(regs));
}

#endif
