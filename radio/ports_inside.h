/* ports_inside.h -- what the files of the list of ports share: ports.c the list and the choice, ports_usb.c the table
 * of known devices. Nobody else includes it. */
#pragma once

#include "radio/ports.h"

/* Fills in kind, drivers and certain from what else is known of the port. */
void ports_recognise(struct port *p);
