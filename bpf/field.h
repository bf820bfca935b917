/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fields of the kernel's structures, wherever the pointer to them comes from. */
#ifndef SYSCOUNT_FIELD_H
#define SYSCOUNT_FIELD_H

const volatile bool has_rdonly_cast = false; /* fixed at load: the kernel has bpf_rdonly_cast */

/* No call: the verifier makes it a move (kernel/bpf/verifier.c, since Linux 6.2). */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

#define CAST(type, object) ((typeof(type) *)bpf_rdonly_cast(object, bpf_core_type_id_kernel(typeof(type))))

/*
 * A number or a pointer in a structure; 0 if there is no such memory. Where the
 * kernel has the cast it is a load, of about a nanosecond; else a helper copies it,
 * which with its two checked returns takes some 30 ns. A slow call reads about 70.
 */
#define FIELD(object, field)                                                                                         \
	({                                                                                                           \
		typeof(object) object_ = (object);                                                                   \
		typeof(object_->field) value_;                                                                       \
		if (has_rdonly_cast)                                                                                 \
			value_ = CAST(*object_, object_)->field;                                                     \
		else                                                                                                 \
			value_ = BPF_CORE_READ(object_, field);                                                      \
		value_;                                                                                              \
	})

/* The same where has_rdonly_cast has been asked: each question is a load, and 14 bytes of code, that the verifier
 * leaves. */
#define CASTED(object, field) (CAST(*(object), object)->field)

/*
 * The same of a pointer that the verifier knows. From Linux 6.3 on it looks up, for each
 * such load of a pointer that it trusts, the name of the structure in the kernel's whole
 * type information: half of the time of loading us. It does not trust what was cast.
 */
#define LOAD(object, field) (has_rdonly_cast ? CASTED(object, field) : (object)->field)

/*
 * The same where it is read most often: of a pointer that the verifier trusts, such as a tracepoint's
 * argument, the plain load is one instruction; of one that was cast the compiler of
 * the kernel makes eight, which ask whether it is an address of the kernel.
 */
#define PLAIN(object, field) ((object)->field)

/*
 * A pointer as a number. Some functions are global, so that the verifier looks at them
 * once and not from each caller, and such a one takes no pointer to a kernel's structure;
 * nor does the verifier let a pointer pass for a number, until a global function has
 * returned it. A nanosecond, and not on the path of calls that are neither slow nor wait.
 */
struct address {
	__u64 value;
};

__noinline __u64 value_of(struct address *address)
{
	return address ? address->value : 0;
}

#define ADDRESS(pointer)                                                                                             \
	({                                                                                                           \
		struct address address_ = { .value = (__u64)(pointer) };                                             \
		value_of(&address_);                                                                                 \
	})

#endif
