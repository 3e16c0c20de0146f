/* version.h -- frames of MQTT-SN 2.0, which this gateway does not speak but should call by their name (SN-V2-1). */
#pragma once

#include "mqtt/bytes.h"

enum { MQTTSN_PROTOCOL_ID = 1, MQTTSN_PROTOCOL_ID_2 = 2 }; /* of a CONNECT, section 5.3.8 */

/* Does a frame that is no message of 1.2 look like one of 2.0, in any of its drafts? Ask only about frames that
 * mqttsn_decode refused: the type numbers of the two overlap. */
bool mqttsn_resembles_2(struct span frame);
