/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * A slave: a program of a cube that packets do not enter by themselves, but by call_ingress_program() of another one
 * (programs.h). The cube's control plane adds, replaces and removes slaves while packets flow; a package with slaves needs one.
 *
 * Include this first, then define
 *
 *	static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
 *
 * with the return codes of the cube's master: whether the cube has ports or is transparent, it is the same slave. What the
 * slow path, log and flooding of a cube need is in its master, which includes controller.h or flood.h if a slave does.
 *
 * For the way out there is egress_slave.h. An object may have both.
 */
#ifndef POLYCUBE_SLAVE_H
#define POLYCUBE_SLAVE_H

#define PCN_SLAVE 1
#include <polycube/cube.h>

#endif
