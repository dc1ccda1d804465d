/* Random numbers of an episode, division, limits, and words of the mailbox. */
#include "ppu.h"

uint32_t random_state;

static uint32_t lcg(void)
{
	random_state = 1664525u * random_state + 1013904223u;
	return random_state;
}

uint32_t draw_by_byte(uint32_t n) { return (lcg() >> 24) % n; }

uint32_t draw_by_word(uint32_t n) { return lcg() % n; }

/* Division in software, as the published program divides when it rescales. */
uint32_t udiv(uint32_t n, uint32_t d)
{
	uint32_t quotient = 0;
	for (int bit = 31; bit >= 0; bit--)
		if ((n >> bit) >= d) {
			n -= d << bit;
			quotient |= 1u << bit;
		}
	return quotient;
}

int32_t clip(int32_t x, int32_t low, int32_t high)
{
	if (x < low)
		return low;
	return x > high ? high : x;
}

/* The processor is big endian, and so is the mailbox. */
uint32_t mailbox_u32(void)
{
	uint32_t value = 0;
	for (int i = 0; i < 4; i++)
		value = value << 8 | mailbox_u8();
	return value;
}
