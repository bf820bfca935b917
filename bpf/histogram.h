/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The histogram's slot of a duration. Slot i > 0 is the bucket
 * (2^(6+(i-1)/4), 2^(6+i/4)] ns: four to the octave, which are the buckets of
 * an OpenTelemetry exponential histogram of scale 2, so that records need no
 * conversion. Slot 0 takes all up to 64 ns, the last slot all above 2^40.5 ns.
 * Its twin is Slot() in agent/histogram; a test runs both.
 */
#ifndef SYSCOUNT_HISTOGRAM_H
#define SYSCOUNT_HISTOGRAM_H

#include "syscount.h"

/* floor(2^63 * 2^(i/4)): the bucket bounds inside an octave, as mantissas. */
#define QUARTER_1 0x9837f0518db8a96fULL
#define QUARTER_2 0xb504f333f9de6484ULL
#define QUARTER_3 0xd744fccad69d6af4ULL

static __always_inline __u32 log2_floor(__u64 v)
{
	__u32 k = 0;

	if (v >> 32) {
		v >>= 32;
		k += 32;
	}
	if (v >> 16) {
		v >>= 16;
		k += 16;
	}
	if (v >> 8) {
		v >>= 8;
		k += 8;
	}
	if (v >> 4) {
		v >>= 4;
		k += 4;
	}
	if (v >> 2) {
		v >>= 2;
		k += 2;
	}
	return k + (v >> 1);
}

/*
 * min(slot, HISTOGRAM_SLOTS - 1). In C the compiler compares the other way
 * round, with the constant in a register, and the verifier of Linux 6.1 then
 * loses the bound.
 */
static __always_inline __u32 bounded_slot(__u64 slot)
{
	asm volatile("if %0 <= %1 goto +1\n%0 = %1" : "+r"(slot) : "i"(HISTOGRAM_SLOTS - 1));
	return slot;
}

static __always_inline __u32 slot_of_ns(__u64 ns)
{
	__u64 mantissa;
	__u32 k, slot;

	if (ns <= 64)
		return 0;
	k = log2_floor(ns);
	mantissa = ns << (63 - k);
	/* A power of two is the upper bound of its bucket, hence the first term. */
	slot = 4 * (k - 6) + (mantissa != 1ULL << 63) + (mantissa > QUARTER_1) + (mantissa > QUARTER_2) +
	       (mantissa > QUARTER_3);
	return bounded_slot(slot);
}

#endif
