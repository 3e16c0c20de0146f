/* inspect.h -- the command line of those who install the gateway: which ports are there, and what is behind one. */
#pragma once

#include <stdint.h>

/* Both return the exit status. */
int inspect_ports(void);
/* `baud` 0: the speeds that coordinators are sold with. */
int inspect_probe(const char *port, uint32_t baud);
