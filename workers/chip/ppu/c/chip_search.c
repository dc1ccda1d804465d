/* What a search needs of the chip beside what an episode does. */
#include "search.h"

/* Everything that the mailbox is to hold is in memory before the next generation begins. */
void generation_done(const uint32_t *fitness) { asm volatile("sync" ::"r"(fitness) : "memory"); }

/* The processor's instruction `wait`, which the compiler does not know for this target: it halts. */
void sleep(void)
{
	asm volatile("sync" ::: "memory");
	for (;;)
		asm volatile(".long 0x7c00007c # wait");
}
