# Entry and interrupt table.
	.text
	b init
	.rept 12
	b undefined
	.endr
init:
	lis 1, stack_start@h
	ori 1, 1, stack_start@l
	bl start
undefined:
	b undefined
