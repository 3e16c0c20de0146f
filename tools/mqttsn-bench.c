/* mqttsn-bench.c -- a load generator for MQTT-SN gateways.
 *
 * It meets the gateway only over the wire: many simulated clients on one side (bench_fleet.c), one MQTT connection
 * to the broker on the other (bench_broker.c), and numbered, time-stamped payloads between them, so that it can say
 * of each message whether it arrived, how often and how late. With --pid it also reads what the gateway process
 * spent on it. The loads are in bench_scenario.c, the figures in bench_report.c. Exit status: 0 nothing was lost and
 * nobody refused, 1 otherwise, 2 for a wrong command line. */
#include "tools/bench_options.h"
#include "tools/bench_scenario.h"

static bool is_clean(const struct bench_report *r, const struct bench_options *o)
{
    return r->lost == 0 && r->refused == 0 && r->unanswered == 0 && r->send_errors == 0 &&
           r->disconnected == 0 && (o->qos < 0 || r->connected == o->clients);
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct bench_report report;
    const int answer = bench_options_read(&options, argc, argv);
    if (answer != 0)
        return answer == 1 ? 0 : answer;
    if (!bench_scenario_run(&options, &report))
        return 1;
    if (!options.json)
        bench_report_text(&report, &options, stdout);
    else if (!bench_report_json(&report, &options, stdout))
        return 1;
    return is_clean(&report, &options) ? 0 : 1;
}
