// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Shows every packet to the control plane, which sends it out of the other port. */
#include <polycube/cube.h>
#include <polycube/controller.h>

static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return pcn_pkt_controller(ctx, md, 0);
}
