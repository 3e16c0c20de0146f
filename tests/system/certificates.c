/* certificates.c -- openssl(1) by a short script, so that nothing secret and nothing that expires lies in the tree.
 *
 * Keys are on a curve because RSA keys take seconds to make. */
#include "tests/system/certificates.h"

#include <stdio.h>

static const char script[] =
    "set -e; cd \"$1\"; curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'\n"
    "authority() {\n"
    "    openssl req -x509 $curve -keyout $1.key -out $1.pem -subj \"/CN=$2\" -days 2 \\\n"
    "        -addext basicConstraints=critical,CA:TRUE\n"
    "}\n"
    "signed() {\n"
    "    openssl req $curve -keyout $1.key -out $1.csr -subj \"/CN=$2\"\n"
    "    printf 'subjectAltName=%s\\n' \"$3\" >$1.ext\n"
    "    openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem -extfile $1.ext -days $4\n"
    "}\n"
    "authority ca 'authority of the test'\n"
    "authority other 'another authority'\n"
    "signed server localhost DNS:localhost,IP:127.0.0.1 2\n"
    "signed elsewhere elsewhere.example DNS:elsewhere.example 2\n"
    "signed expired localhost DNS:localhost,IP:127.0.0.1 -1\n"
    "signed client gateway DNS:gateway 2\n";

void certificates_make(struct scene *s)
{
    scene_runs((const char *const[]){ "sh", "-c", script, "sh", s->folder, NULL });
}

const char *certificates_settings(struct scene *s, const char *ca, bool with_client)
{
    static char text[4 * SCENE_PATH];
    int len = snprintf(text, sizeof text, ", ca_file: \"%s/%s.pem\"", s->folder, ca);
    if (with_client)
        snprintf(text + len, sizeof text - (size_t)len,
                 ", cert_file: \"%s/client.pem\", key_file: \"%s/client.key\"", s->folder, s->folder);
    return text;
}
