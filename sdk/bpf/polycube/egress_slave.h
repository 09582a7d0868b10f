/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/** @file
 * A slave (slave.h) for the way out, which is entered by call_egress_program(). Include this first, then define
 *
 *	static __always_inline int handle_tx(struct CTXTYPE *ctx, struct pkt_metadata *md)
 *
 * with the return codes of egress.h.
 */
#ifndef POLYCUBE_EGRESS_SLAVE_H
#define POLYCUBE_EGRESS_SLAVE_H

#ifndef PCN_SLAVE
#define PCN_SLAVE 1
#endif
#include <polycube/egress.h>

#endif
