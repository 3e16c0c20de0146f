/* certificates.h -- a small certificate authority, made anew for each scene by the openssl command. */
#pragma once

#include "tests/system/scene.h"

/* Makes in the scene's folder, each as NAME.pem and NAME.key:
 *   ca         the authority               other      another one, which signed nothing
 *   server     localhost and 127.0.0.1     elsewhere  elsewhere.example
 *   expired    localhost, until yesterday  client     the gateway's own */
void certificates_make(struct scene *s);

/* The inside of a settings file's broker section that trusts `ca` and, when `with_client`, shows the client's own. */
const char *certificates_settings(struct scene *s, const char *ca, bool with_client);
