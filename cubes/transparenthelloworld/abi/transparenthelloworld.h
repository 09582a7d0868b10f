/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one element of the table `settings`. */
#ifndef TRANSPARENTHELLOWORLD_ABI_H
#define TRANSPARENTHELLOWORLD_ABI_H

#include <polycube/abi.h>

enum {
	ACTION_DROP = 0,
	ACTION_PASS = 1,
	ACTION_SLOWPATH = 2
}; /* as in the model */

struct settings {
	__u32 ingress_action;
	__u32 egress_action;
};
PCN_ASSERT(sizeof(struct settings) == 8, "no padding");

#endif
