/* Loaded before libaudit into auditctl: a rule goes to a file instead of the kernel. Nothing is loaded. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int audit_add_rule_data(int fd, uint32_t *rule, int list, int action)
{
	const char *path = getenv("AUDITNG_ORACLE");
	FILE *out = path ? fopen(path, "ab") : NULL;
	uint32_t size = 1040 + rule[259]; /* the struct's fixed part, then buflen bytes of strings */

	(void)fd;
	if (!out)
		return -1;
	rule[0] = (uint32_t)list;
	rule[1] = (uint32_t)action;
	fwrite(&size, sizeof(size), 1, out);
	fwrite(rule, size, 1, out);
	return fclose(out) ? -1 : 1;
}
