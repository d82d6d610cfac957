// The build puts uPlot.esm.js of the package here.
import uPlot from 'uplot';

export default uPlot;
