/* System calls of Linux on PowerPC, for programs that run under an emulator of the instruction set. */
#pragma once
#include <stdint.h>

enum system_call { EXIT = 1, READ = 3, WRITE = 4 };

static inline int32_t system_call(enum system_call number, int32_t first, const void *data, uint32_t n_bytes)
{
	register int32_t r0 asm("r0") = number, r3 asm("r3") = first;
	register const void *r4 asm("r4") = data;
	register uint32_t r5 asm("r5") = n_bytes;
	asm volatile("sc" : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5)
		: : "memory", "cr0", "ctr", "r6", "r7", "r8", "r9", "r10", "r11", "r12");
	return r3;
}
