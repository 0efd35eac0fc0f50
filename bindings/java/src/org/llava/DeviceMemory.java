package org.llava;

/**
 * How memory stands on a device.
 *
 * @param usedBytes  CPU: resident memory of this process
 * @param cachedBytes  held by the allocator, not in use
 * @param peakBytes  highest usedBytes so far
 * @param freeBytes  what the system could still give
 */
public record DeviceMemory(long usedBytes, long cachedBytes, long peakBytes, long freeBytes) {}
