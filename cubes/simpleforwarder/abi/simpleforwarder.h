/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Element of the table `actions`, whose index is the input port. */
#ifndef SIMPLEFORWARDER_ABI_H
#define SIMPLEFORWARDER_ABI_H

#include <polycube/abi.h>

enum {
	ACTION_DROP = 0,
	ACTION_SLOWPATH = 1,
	ACTION_FORWARD = 2
}; /* as in the model */

struct action {
	__u16 action;
	__u16 outport; /* port index */
};
PCN_ASSERT(sizeof(struct action) == 4, "no padding");
PCN_ASSERT(__builtin_offsetof(struct action, outport) == 2, "two halves of a word");

#endif
