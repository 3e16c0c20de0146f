/* radio.c -- which driver carries which kind of radio.
 *
 * One row for each driver of the settings. A row that is missing is a driver that this build does not have: the
 * caller says so to the operator by name, since it knows the line of the settings file. Everything else that is true
 * of all radios is in radio.h; what is true of one is in its own file. */
#include "radio/radio.h"

#include "radio/line.h"
#include "radio/udp.h"
#include "radio/zigbee.h"

static const struct radio_driver *const drivers[] = {
    [DRIVER_UDP] = &udp_driver,       [DRIVER_XBEE] = &zigbee_driver,
    [DRIVER_ZNP] = &zigbee_driver,    [DRIVER_EZSP] = &zigbee_driver,
    [DRIVER_DECONZ] = &zigbee_driver, [DRIVER_SERIAL] = &line_driver,
};

const struct radio_driver *radio_driver(enum config_driver driver)
{
    return (size_t)driver < sizeof drivers / sizeof drivers[0] ? drivers[driver] : NULL;
}
