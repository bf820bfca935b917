#include "textflag.h"

// The machine of a Program: see trap.go for the layout of a step. It is entered
// as a process with 0 in DI, and as a signal handler with the signal's number.
// It uses no stack. Its end is marked, so that its bytes can be copied.
TEXT machine<>(SB),NOSPLIT|NOFRAME,$0
	MOVQ	$0x20000100, R12
	MOVQ	(R12)(DI*8), R12

step:
	MOVQ	64(R12), R13
	MOVQ	0(R12), AX
	CMPQ	AX, $0
	JEQ	call
	CMPQ	AX, $1
	JEQ	loop
	CMPQ	AX, $2
	JEQ	spin
	CMPQ	AX, $3
	JEQ	int80
	RET

call:
	MOVQ	8(R12), AX
	MOVQ	16(R12), DI
	MOVQ	24(R12), SI
	MOVQ	32(R12), DX
	MOVQ	40(R12), R10
	MOVQ	48(R12), R8
	MOVQ	56(R12), R9
	SYSCALL
	SUBQ	$1, R13
	JNE	call

result:
	MOVQ	72(R12), R14
	MOVQ	AX, (R14)
	TESTQ	AX, AX
	JEQ	zero
	MOVQ	80(R12), R12
	JMP	step

zero:
	MOVQ	88(R12), R12
	JMP	step

loop:
	SUBQ	$1, R13
	MOVQ	R13, 64(R12)
	MOVQ	R13, AX
	JMP	result

// AX has its value for as long as the flag is 0: a signal comes in user mode.
spin:
	MOVQ	16(R12), AX
	MOVQ	24(R12), R14

spinning:
	CMPQ	(R14), $0
	JEQ	spinning
	JMP	result

int80:
	MOVL	8(R12), AX
	MOVL	16(R12), BX
	MOVL	24(R12), CX
	MOVL	32(R12), DX
	INT	$0x80
	SUBQ	$1, R13
	JNE	int80
	JMP	result
	LONG	$0x2d646e65
	LONG	$0x6d2d666f

// func machineAddress() unsafe.Pointer
TEXT ·machineAddress(SB),NOSPLIT,$0-8
	LEAQ	machine<>(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
