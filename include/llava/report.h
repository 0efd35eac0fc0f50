/**
 * @file report.h
 * What a long job found: numbers and texts by name.
 */
#ifndef LLAVA_REPORT_H
#define LLAVA_REPORT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a long job found: one JSON object. Since 0.1. */
typedef struct llava_report llava_report;

/**
 * The report as JSON.
 *
 * @param report  the report
 * @return UTF-8 that lives as long as `report`; "" on misuse. Since 0.1.
 */
LLAVA_API const char *LLAVA_CALL llava_report_json(const llava_report *report);

/**
 * One number of a report.
 *
 * @param report  the report
 * @param name    its key; keys within keys are joined by points: "memory.total"
 * @param value   receives it; true and false are 1 and 0
 * @return LLAVA_OK; LLAVA_ERR_NOT_FOUND when there is no number of that name. Since 0.1.
 */
LLAVA_API LLAVA_NODISCARD llava_status LLAVA_CALL llava_report_number(const llava_report *report, const char *name,
                                                                      double *value);

/**
 * Adds a reference.
 *
 * @param report  the report
 * @return LLAVA_OK. Since 0.1.
 */
LLAVA_API llava_status LLAVA_CALL llava_report_retain(llava_report *report);

/**
 * Gives a reference back.
 *
 * @param report  a report, or NULL. Since 0.1.
 */
LLAVA_API void LLAVA_CALL llava_report_free(llava_report *report);

#ifdef __cplusplus
}
#endif

#endif
