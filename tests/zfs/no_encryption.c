// SPDX-License-Identifier: BSD-2-Clause
/* Loaded before ztest, which creates every second dataset encrypted: none is.
 * ztest's own name for "not encrypted" is no parameters at all. */
struct dsl_crypto_params;
int dsl_crypto_params_create_nvlist(int command, void *properties, void *arguments, struct dsl_crypto_params **out)
{
	(void) command;
	(void) properties;
	(void) arguments;
	*out = 0;
	return 0;
}
