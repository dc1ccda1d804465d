/* The mailbox of an episode. */
#include "ppu.h"

static uint32_t read_offset;

/* What is read is cleared, so that the mailbox can take the record of the episode. */
uint8_t mailbox_u8(void)
{
	uint8_t value = mailbox_base[read_offset];
	mailbox_base[read_offset++] = 0;
	return value;
}
