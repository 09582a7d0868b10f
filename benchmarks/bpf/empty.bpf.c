// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Does nothing: what is left is the cost of measuring. */
#include <polycube/hook.h>

SEC(PCN_SECTION)
int empty(struct CTXTYPE *ctx)
{
	return PCN_VERDICT_DROP;
}
