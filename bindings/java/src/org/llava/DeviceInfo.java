package org.llava;

/**
 * A device.
 *
 * @param id  "cpu", "cuda:0", ...
 * @param name  as the maker names it
 * @param threads  CPU: threads one operation computes with; else 0
 * @param totalBytes  memory of the device
 * @param freeBytes  memory that can be had now
 */
public record DeviceInfo(String id, String name, int threads, long totalBytes, long freeBytes) {}
