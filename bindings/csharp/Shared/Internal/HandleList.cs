// Several handles as C takes them: an array of addresses, each held while it is in use.
using System;
using System.Collections.Generic;

namespace Llava.Internal
{
    internal sealed class HandleList : IDisposable
    {
        public readonly IntPtr[] Addresses;
        private readonly List<LlavaHandle> held = new List<LlavaHandle>();

        /// <summary>Holds all of them. Throws ObjectDisposedException for one that is disposed, ArgumentNullException for null.</summary>
        public HandleList(IEnumerable<LlavaObject> objects, string name)
        {
            if (objects == null) throw new ArgumentNullException(name);
            var addresses = new List<IntPtr>();
            try
            {
                foreach (var each in objects)
                {
                    if (each == null) throw new ArgumentNullException(name, name + "[" + held.Count + "] is null");
                    var handle = each.Open();
                    var done = false;
                    handle.DangerousAddRef(ref done);
                    held.Add(handle);
                    addresses.Add(handle.DangerousGetHandle());
                }
            }
            catch
            {
                Dispose();
                throw;
            }
            Addresses = addresses.ToArray();
        }

        public int Count
        {
            get { return Addresses.Length; }
        }

        public void Dispose()
        {
            foreach (var handle in held) handle.DangerousRelease();
            held.Clear();
        }
    }
}
