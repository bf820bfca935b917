#include "textflag.h"

// The machine of a Program: see trap.go for the layout of a step. It is entered
// as a process with 0 in R0, and as a signal handler with the signal's number.
// It uses no stack. Its end is marked, so that its bytes can be copied.
TEXT machine<>(SB),NOSPLIT|NOFRAME,$0
	MOVD	$0x20000100, R19
	MOVD	(R19)(R0<<3), R19

step:
	MOVD	64(R19), R20
	MOVD	0(R19), R9
	CBZ	R9, call
	CMP	$1, R9
	BEQ	loop
	CMP	$2, R9
	BEQ	spin
	RET

call:
	MOVD	8(R19), R8
	MOVD	16(R19), R0
	MOVD	24(R19), R1
	MOVD	32(R19), R2
	MOVD	40(R19), R3
	MOVD	48(R19), R4
	MOVD	56(R19), R5
	SVC
	SUBS	$1, R20
	BNE	call

result:
	MOVD	72(R19), R9
	MOVD	R0, (R9)
	CBZ	R0, zero
	MOVD	80(R19), R19
	B	step

zero:
	MOVD	88(R19), R19
	B	step

loop:
	SUB	$1, R20
	MOVD	R20, 64(R19)
	MOVD	R20, R0
	B	result

// R0 has its value for as long as the flag is 0: a signal comes in user mode.
spin:
	MOVD	16(R19), R0
	MOVD	24(R19), R9

spinning:
	MOVD	(R9), R10
	CBZ	R10, spinning
	B	result
	WORD	$0x2d646e65
	WORD	$0x6d2d666f

// func machineAddress() unsafe.Pointer
TEXT ·machineAddress(SB),NOSPLIT,$0-8
	MOVD	$machine<>(SB), R0
	MOVD	R0, ret+0(FP)
	RET
