/* notify.h -- tells the service manager how the process is doing (sd_notify(3), one datagram). */
#pragma once

/* `state` is e.g. "READY=1" or "STOPPING=1". Does nothing when no service manager asked for it. */
void notify_service(const char *state);
