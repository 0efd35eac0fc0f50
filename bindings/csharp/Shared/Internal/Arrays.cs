// Arrays of the caller.
using System;
using System.Collections.Generic;

namespace Llava.Internal
{
    /// <summary>Asks for a size, then for the ids: (memory, room) gives the number.</summary>
    internal delegate long IdsCall(IntPtr memory, long room);

    internal static class Arrays
    {
        /// <summary>Throws unless the part lies in the array.</summary>
        public static void Check(Array array, int offset, int count, string name)
        {
            if (array == null) throw new ArgumentNullException(name);
            if (offset < 0 || count < 0 || offset > array.Length - count)
                throw new ArgumentOutOfRangeException(name, "the part from " + offset + ", " + count + " long, leaves " + name +
                    ", which is " + array.Length + " long");
        }

        /// <summary>Ids of a call that tells their number when it is given no memory.</summary>
        public static unsafe int[] Ids(IdsCall call)
        {
            var ids = new int[call(IntPtr.Zero, 0)];
            if (ids.Length == 0) return ids;
            fixed (int* start = ids)
            {
                call((IntPtr)start, ids.Length);
            }
            return ids;
        }

        public static int[] Of(IEnumerable<int> ids, string name)
        {
            if (ids == null) throw new ArgumentNullException(name);
            return ids as int[] ?? new List<int>(ids).ToArray();
        }
    }
}
