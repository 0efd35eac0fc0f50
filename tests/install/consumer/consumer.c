/* A C program of somebody else, built against the installed library: versions agree, and an error arrives as a status. */
#include <llava/llava.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  llava_model *model = NULL;
  llava_status status;
  if (strcmp(llava_version(), LLAVA_VERSION) != 0 || LLAVA_CHECK_ABI() != LLAVA_OK) return 1;
  status = llava_load("there is no such model", NULL, &model);
  printf("libllava %s: %s: %s\n", llava_version(), llava_status_name(status), llava_last_error());
  return status == LLAVA_ERR_NOT_FOUND && model == NULL && strstr(llava_last_error(), "there is no such model") ? 0 : 1;
}
