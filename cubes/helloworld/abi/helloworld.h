/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one element of the table `settings`. */
#ifndef HELLOWORLD_ABI_H
#define HELLOWORLD_ABI_H

#include <polycube/abi.h>

enum {
	ACTION_DROP = 0,
	ACTION_SLOWPATH = 1,
	ACTION_FORWARD = 2
}; /* as in the model */

struct settings {
	__u32 action;
};
PCN_ASSERT(sizeof(struct settings) == 4, "no padding");

#endif
